package leaks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/secretsync/secretsync/internal/cli"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/test/program"
)

// TestLeaksAreSeen runs a program that leaks in every place that the suite searches.
func TestLeaksAreSeen(t *testing.T) {
	p := newLeakProject(t, len(canaryKinds()))
	value := p.values[2].value
	for place, leak := range map[string]func(){
		"the last resort": func() {
			p.runAs(func(a *cli.App) int {
				a.FilterOutput()
				a.Filter.Know(secret.New([]byte(value)))
				a.Say("cannot use %s", value)
				return a.Finish(program.Error)
			}, "leaky")
		},
		"stdout": func() { p.searched([]string{"leaky"}, []byte("result "+value), nil) },
		"stderr": func() { p.searched([]string{"leaky"}, nil, []byte("error: "+value[3:12])) },
		"a file": func() { p.write("left.txt", value); p.files(); _ = os.Remove("left.txt") },
		"a file in a new folder": func() {
			program.Must(t, os.MkdirAll("new", 0o755))
			p.write("new/left.txt", value)
			p.files()
			_ = os.RemoveAll("new")
		},
		"an argument of a child": func() {
			p.write(inputs+"/child.json", string(asJSON(m{"version": 1, "stores": m{"prod": m{"secrets": m{"a": m{
				"from": m{"command": []string{"./show.sh", "x" + value}}}}}}})))
			p.debug("plan", "-f", "inputs/child.json", "--lockfile", "c.lock") // show.sh writes its arguments to a file
			data, err := os.ReadFile(filepath.Join(inputs, "argv.txt"))
			program.Must(t, err)
			p.search.look("arguments", data)
		},
	} {
		p.search.leaks = nil
		if leak(); len(p.search.leaks) == 0 {
			t.Errorf("a leak into %s is not seen", place)
		}
	}
}

// leaky is a transport that leaks a value of every request that carries some, as a careless
// line in the client might. The rest of the program is unchanged.
type leaky struct {
	app  *cli.App
	leak func(a *cli.App, value string) error
	n    int
}

// RoundTrip implements http.RoundTripper.
func (l *leaky) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		var sent []struct{ Name, Value string }
		_ = json.Unmarshal(body, &sent) // a create; other requests pass unchanged
		for _, s := range sent {
			if s.Name != "c002" {
				continue
			}
			l.n++
			if err := l.leak(l.app, s.Value); err != nil {
				return nil, err
			}
		}
	}
	return http.DefaultTransport.RoundTrip(r)
}

// TestLeakyProgramIsCaught runs an apply that leaks everywhere a program can leak to. The
// last line of defence withholds what it recognises and says so; the search finds what it
// does not recognise (pieces, digests, other alphabets).
func TestLeakyProgramIsCaught(t *testing.T) {
	const hidden = "an encoding that the last resort does not know"
	for place, leak := range map[string]func(*cli.App, string) error{
		"the log":             func(a *cli.App, v string) error { a.Log.Error("sending", "value", v); return nil },
		"the log, " + hidden:  func(a *cli.App, v string) error { a.Log.Error("sending", "sum", digests(v)[4]); return nil },
		"an error":            func(a *cli.App, v string) error { a.PrintError(errors.New("cannot send " + v)); return nil },
		"an error, " + hidden: func(a *cli.App, v string) error { a.PrintError(fmt.Errorf("cannot send %v", []byte(v))); return nil },
		"stderr":              func(a *cli.App, v string) error { a.Say("sending %s", v); return nil },
		"stderr, cut":         func(a *cli.App, v string) error { a.Say("sending %.9s...", v); return nil },
		"the plan's output":   func(a *cli.App, v string) error { _, err := fmt.Fprintf(a.Out, "  + create  %s\n", v); return err },
		"the plan's output, cut": func(a *cli.App, v string) error {
			_, err := fmt.Fprintf(a.Out, "  + create  ...%s\n", v[len(v)-8:])
			return err
		},
		"the lockfile": leakIntoLockfile,
		"a temporary file": func(_ *cli.App, v string) error {
			f, err := os.CreateTemp("", "body")
			if err != nil {
				return err
			}
			_, err = f.WriteString(v)
			return errors.Join(err, f.Close())
		},
		"a child's arguments": func(_ *cli.App, v string) error {
			return exec.CommandContext(t.Context(), filepath.Join(inputs, "show.sh"), "/dev/null", v).Run() // the script writes its arguments to a file
		},
	} {
		t.Run(place, func(t *testing.T) {
			p := newLeakProject(t, len(canaryKinds()))
			l := &leaky{leak: leak}
			args := []string{"apply", "--auto-approve", "--allow-commands", "--wait", "0"}
			p.runAs(func(a *cli.App) int {
				l.app, a.Transport = a, l
				return a.Run(t.Context(), args)
			}, args...)
			p.files()
			if l.n == 0 {
				t.Fatal("nothing was sent")
			}
			if len(p.search.leaks) == 0 {
				t.Errorf("a leak into %s is not seen", place)
			}
		})
	}
	// The same program without leaks.
	p := newLeakProject(t, len(canaryKinds()))
	p.runAs(func(a *cli.App) int {
		a.Transport = &leaky{app: a, leak: func(*cli.App, string) error { return nil }}
		return a.Run(t.Context(), []string{"apply", "--auto-approve", "--allow-commands", "--wait", "0"})
	}, "apply")
	if p.files(); len(p.search.leaks) > 0 {
		t.Errorf("leaks where there are none: %v", p.search.leaks)
	}
}

// leakIntoLockfile writes a value in place of a comment, until the next write.
func leakIntoLockfile(_ *cli.App, value string) error {
	f, err := lockfile.Read("secretsync.lock")
	if err != nil {
		return err
	}
	for _, st := range f.Stores {
		for _, sec := range st.Secrets {
			sec.Comment = value
		}
	}
	return os.WriteFile("secretsync.lock", f.Format(), 0o600)
}
