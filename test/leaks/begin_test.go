package leaks

import (
	"bytes"
	"os"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/cli"
	"github.com/secretsync/secretsync/test/program"
)

// begin sets up another project, with an age identity of its own, and sets values one by one. The
// file of the identity counts as an input: it must be nowhere else.
func (p *leakProject) begin() {
	const identity, manifest = inputs + "/identity.txt", "begun/secretsync.yaml"
	program.Must(p.t, os.Mkdir("begun", 0o755))
	args := []string{"init", "--yes", "-f", manifest, "--age-key", identity, "--ci", "github", "--account-id", program.Account}
	var out, errs bytes.Buffer
	app := program.Program{Env: p.env, Out: &out, Err: &errs}
	if code, _ := app.Run(p.t.Context(), args...); code != program.OK {
		p.t.Fatalf("%v: exit code %d: %s", args, code, errs.Bytes())
	}
	file, err := os.ReadFile(identity)
	program.Must(p.t, err)
	_, key, found := strings.Cut(string(file), "AGE-SECRET-KEY-1")
	if !found {
		p.t.Fatal("no identity was created")
	}
	p.search.learn(newCredential("the age identity", strings.TrimSpace(key)))
	p.searched(args, out.Bytes(), errs.Bytes())
	p.files()
	p.shown(program.OK, args...)
	p.setValues(manifest)
}

// setValues sets a value of each kind, again, and another one.
func (p *leakProject) setValues(manifest string) {
	p.write("begun/.sops.yaml", "creation_rules: [{age: "+p.recipient+"}]")
	set := func(code int, name, value string) {
		args := []string{"set", "--exact", "-f", manifest, name}
		p.search.running(args)
		got := p.runAs(func(a *cli.App) int {
			a.In = strings.NewReader(value)
			return a.Run(p.t.Context(), args)
		}, args...)
		if got != code {
			p.t.Errorf("%v: exit code %d, want %d", args, got, code)
		}
	}
	kinds := p.values[:len(canaryKinds())]
	for i, c := range kinds {
		name := "begun_" + c.name
		set(program.OK, name, c.value)
		set(program.OK, name, c.value)
		set(program.OK, name, kinds[(i+1)%len(kinds)].value)
		set(program.Error, name, c.value+"\xff")
		set(program.Error, c.value+"=", "")
	}
	p.files()
	if !slices.ContainsFunc(p.values, func(c canary) bool { return strings.Contains(c.value, "\n") }) {
		p.t.Error("no value has several lines")
	}
}
