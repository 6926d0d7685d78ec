package sopsfile_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/internal/sopsfile/sopstest"
)

// CheckKey needs only the data key: a value that was altered does not matter.
func TestCheckKey(t *testing.T) {
	recipient := newKey(t)
	data := encrypt(t, "s.yaml", "k: canary\n", recipient)
	f, err := opener(t).Open("s.yaml", []byte(strings.Replace(string(data), "k: ENC[AES256_GCM,data:", "k: ENC[AES256_GCM,data:AAAA", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Recipients(); !slices.Equal(got, []string{"age " + recipient}) {
		t.Errorf("recipients %q", got)
	}
	if err := f.CheckKey(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := f.Value(t.Context(), []string{"k"}); err == nil {
		t.Error("the altered value is readable")
	}
	sopstest.OnlyKey(t, identity(t).String())
	if f, err = opener(t).Open("s.yaml", data); err != nil {
		t.Fatal(err)
	}
	var e *sopsfile.Error
	if err := f.CheckKey(t.Context()); !errors.As(err, &e) || e.Kind != sopsfile.NoKey {
		t.Errorf("without the key: %v", err)
	}
}
