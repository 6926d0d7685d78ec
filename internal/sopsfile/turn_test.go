package sopsfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/internal/sopsfile/sopstest"
)

// keyCommand sets SOPS_AGE_KEY_CMD to a script that writes a line to a log when it begins and
// another when it ends, and returns what reads the log.
func keyCommand(t *testing.T, body string) (log func() []string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	dir := t.TempDir()
	name, script := filepath.Join(dir, "log"), filepath.Join(dir, "cmd")
	text := fmt.Sprintf("#!/bin/sh\necho begin >> '%s'\n%s\necho end >> '%s'\n", name, body, name)
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOPS_AGE_KEY_CMD", "sh '"+script+"'")
	return func() []string {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(string(data))
	}
}

// readSideBySide reads the value k of several files of one opener.
func readSideBySide(t *testing.T, o *sopsfile.Opener, files [][]byte) {
	t.Helper()
	var wg sync.WaitGroup
	for i, data := range files {
		wg.Go(func() {
			f, err := o.Open("s.yaml", data)
			if err != nil {
				t.Error(err)
				return
			}
			if v, err := f.Value(t.Context(), []string{"k"}); err != nil || string(v.Reveal()) != fmt.Sprint("value-", i) {
				t.Errorf("file %d: %v, or another value", i, err)
			}
		})
	}
	wg.Wait()
}

// A command that writes the identities for all files runs once, even if they have other
// recipients.
func TestIdentityCommandRunsOnce(t *testing.T) {
	a, b := identity(t), identity(t)
	sopstest.OnlyKey(t, "")
	if err := os.Unsetenv("SOPS_AGE_KEY"); err != nil {
		t.Fatal(err)
	}
	log := keyCommand(t, "echo "+a.String()+"; echo "+b.String())
	var files [][]byte
	for i := range 20 {
		recipient := a.Recipient()
		if i%2 == 1 {
			recipient = b.Recipient()
		}
		files = append(files, encrypt(t, "s.yaml", fmt.Sprintf("k: value-%d\n", i), recipient.String()))
	}
	readSideBySide(t, opener(t), files)
	if got := log(); len(got) != 2 {
		t.Errorf("the command ran like this: %v, want it once", got)
	}
}

// A command that writes one identity for each recipient runs for each, one at a time. The time
// that a file waits for the others does not count.
func TestKeysTakeTurns(t *testing.T) {
	sopstest.OnlyKey(t, "")
	if err := os.Unsetenv("SOPS_AGE_KEY"); err != nil {
		t.Fatal(err)
	}
	var files [][]byte
	body := "sleep 0.5\ncase $SOPS_AGE_RECIPIENT in\n"
	for i := range 6 {
		id := identity(t)
		body += fmt.Sprintf("%s) echo %s;;\n", id.Recipient(), id)
		files = append(files, encrypt(t, "s.yaml", fmt.Sprintf("k: value-%d\n", i), id.Recipient().String()))
	}
	log := keyCommand(t, body+"esac")
	o := opener(t)
	o.SetTime(2 * time.Second) // all runs together take 3
	readSideBySide(t, o, files)
	if got := strings.Join(log(), " "); got != strings.Repeat("begin end ", 5)+"begin end" {
		t.Errorf("the command ran like this: %s", got)
	}
}
