package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal opens a pseudo-terminal: what is written to one end is read from the other.
func terminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { ours.Close() })
	if err := unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { theirs.Close() })
	return ours, theirs
}

// On a terminal, errors end with the addresses that explain them: each address once, after all
// mistakes. Elsewhere, and if the hint says everything, there is no address.
func TestErrorsOnATerminalNameTheirEntry(t *testing.T) {
	manifest := filepath.Join(t.TempDir(), "secretsync.yaml")
	if err := os.WriteFile(manifest, []byte("stors: {}\nstoers: {}\nversion: 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const page = "more: https://github.com/secretsync/secretsync/blob/main/docs/troubleshooting.md"
	for name, c := range map[string]struct {
		args []string
		more string // the lines with addresses
	}{
		"no manifest":     {[]string{"plan", "--file", filepath.Join(t.TempDir(), "x.yaml")}, page + "#manifest"},
		"several at once": {[]string{"validate", "--file", manifest}, page + "#unknown-key " + page + "#version"},
		"an unknown flag": {[]string{"plan", "--nope"}, ""},
		"a wrong flag":    {[]string{"plan", "--parallelism", "0"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := terminal(t)
			run := func(stderr *os.File) {
				a := &App{In: strings.NewReader(""), Out: new(bytes.Buffer), Err: stderr, LookupEnv: func(string) (string, bool) { return "", false }}
				if code := a.Run(t.Context(), c.args); code == exitOK {
					t.Fatal("it did not fail")
				}
			}
			run(theirs)
			if got := addresses(said(t, ours, theirs)); got != c.more {
				t.Errorf("got %q, want %q", got, c.more)
			}
			file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			run(file)
			if text, err := os.ReadFile(file.Name()); err != nil || len(text) == 0 || addresses(string(text)) != "" {
				t.Errorf("in a file (%v): %s", err, text)
			}
		})
	}
}

// said returns the text that was written to a terminal.
func said(t *testing.T, ours, theirs *os.File) string {
	t.Helper()
	const end = "\n-end-\n"
	if _, err := theirs.WriteString(end); err != nil {
		t.Fatal(err)
	}
	var text []byte
	for part := make([]byte, 4096); !bytes.Contains(text, []byte("-end-")); {
		n, err := ours.Read(part)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, part[:n]...)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

// addresses are the lines that name an address, and an error if there is more text after them.
func addresses(text string) string {
	var list []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "more: ") {
			list = append(list, line)
		} else if len(list) > 0 && line != "" && line != "-end-" {
			list = append(list, "and then "+line)
		}
	}
	return strings.Join(list, " ")
}
