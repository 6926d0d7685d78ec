package cli

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
)

// TestUnproven: an apply is incomplete if Workers do not read what it sent. It does not fail if that
// could not be verified, or if Workers cannot read the values.
func TestUnproven(t *testing.T) {
	with := func(values ...planner.LiveValue) *reconcile.Verification {
		v := &reconcile.Verification{}
		for _, value := range values {
			v.Secrets = append(v.Secrets, reconcile.VerifiedSecret{Value: value, Counts: true})
		}
		return v
	}
	failed := with(planner.LiveUnknown)
	failed.Failed = errors.New("down")
	for _, c := range []struct {
		name string
		v    *reconcile.Verification
		code int
		said string
	}{
		{"not asked for", nil, exitOK, ""},
		{"all as sent", with(planner.LiveSame, planner.LiveUnreadable), exitOK, ""},
		{"another value", with(planner.LiveSame, planner.LiveOther), exitIncomplete, ""},
		{"a step that failed", failed, exitOK, "warning: it is not known whether Workers read what was sent: down\n"},
	} {
		var said bytes.Buffer
		a := &App{Err: &said, LookupEnv: func(string) (string, bool) { return "", false }}
		a.FilterOutput()
		err := a.unproven(c.v, time.Minute)
		if exitCode(err) != c.code || said.String() != c.said {
			t.Errorf("%s: exit code %d, %v; said %q", c.name, exitCode(err), err, said.String())
		}
		if c.code == exitIncomplete && !strings.Contains(err.Error(), "after --wait 1m0s, Workers still read other values for 1 secret") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
