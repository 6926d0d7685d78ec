package main

import (
	"context"
	"maps"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// logs are the ways to log.
func (p *leakProject) logs() [][]string {
	all := [][]string{{"--log-level", "debug", "--log-format", "text"}, {"--log-level", "debug", "--log-format", "json"}}
	if *allLeaks {
		for _, level := range []string{"info", "warn", "error"} {
			all = append(all, []string{"--log-level", level, "--log-format", "text"}, []string{"--log-level", level, "--log-format", "json"})
		}
	}
	return all
}

// shown runs a command in every one of formats and logs.
func (p *leakProject) shown(wantCode int, args ...string) {
	p.t.Helper()
	root := (&app{}).rootCommand()
	root.InitDefaultCompletionCmd()
	cmd, _, err := root.Find(args)
	must(p.t, err)
	for i, log := range p.logs() {
		for j, format := range formats {
			all := append(log, args...)
			switch takes := cmd.Flags().Lookup("format"); {
			case takes == nil && j > 0, takes != nil && !strings.Contains(takes.Usage, format), i > 1 && j > 1:
				continue
			case takes != nil:
				all = append(all, "--format", format)
			}
			if code := p.run(all...); code != wantCode {
				p.t.Errorf("%v: exit code %d, want %d", all, code, wantCode)
			}
		}
	}
}

// debug runs a command with all that can be logged.
func (p *leakProject) debug(args ...string) int {
	p.t.Helper()
	return p.run(append([]string{"--log-level", "debug", "--allow-commands", "--wait", "0"}, args...)...)
}

func (p *leakProject) everyCommand() {
	p.shown(exitOK, "validate", "--allow-commands")
	p.shown(exitOK, "plan", "--allow-commands")
	p.shown(exitOK, "plan", "--allow-commands", "--keyless", "--offline")
	p.shown(exitOK, "plan", "--allow-commands", "-o", "plan.json")
	p.shown(exitOK, "show", "plan.json")
	if code := p.debug("apply", "plan.json", "--json"); code != exitOK {
		p.t.Fatalf("the apply fails: exit code %d", code)
	}
	for _, c := range p.values {
		if !p.server.emulator.HasValue(testAccount, "prod", c.name, []byte(c.value)) {
			p.t.Errorf("the value of %s, from %s, did not arrive byte for byte", c.name, p.from[c.name])
		}
	}
	p.shown(exitOK, "apply", "--allow-commands", "--auto-approve")
	p.shown(exitOK, "apply", "--allow-commands", "--auto-approve", "--json")
	p.shown(exitOK, "drift", "--allow-commands", "--metrics-file", "drift.prom")
	p.shown(exitOK, "lock", "status")
	p.shown(exitOK, "version")
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		p.shown(exitOK, "completion", shell)
	}
	p.shown(exitOK, "help")
	p.shown(exitOK, "schema")
	p.shown(exitOK, "schema", "plan")
	p.shown(exitOK, "init", "--allow-commands")
	p.workers()
	p.emulate()
	p.rebuild()
	p.debug("rotate", "prod/generated", "--auto-approve", "--json")
	p.changeValues()
	p.shown(exitOK, "plan", "--allow-commands")
	p.shown(exitStale, "apply", "plan.json", "--allow-commands")
	p.debug("apply") // nobody answers
	p.debug("lock", "rekey", "--new-key-env", "LEAK_c000")
	p.rekey()
	for _, args := range [][]string{{"plan"}, {"apply", "--auto-approve"}, {"drift"}, {"plan", "--format", "json"}} {
		p.exec(append([]string{"--log-level", "debug", "--allow-commands", "--wait", "0"}, args...)...)
	}
	p.debug("plan", "--emulator", "--lockfile", "e.lock")
	p.debug("apply", "--emulator", "--lockfile", "e.lock", "--auto-approve")
	p.debug("destroy", "--emulator", "--lockfile", "e.lock", "--auto-approve", "--max-deletes", "1000", "--json")
	p.noneLeftOut()
}

// want runs a command that has to end with a code.
func (p *leakProject) want(code int, args ...string) {
	p.t.Helper()
	if got := p.debug(args...); got != code {
		p.t.Errorf("%v: exit code %d, want %d", args, got, code)
	}
}

// workers are the commands about a Worker. dev puts values where they lie in plain text,
// by a stand-in for Miniflare; that folder is among the inputs, and not searched.
func (p *leakProject) workers() {
	const file = inputs + "/app/wrangler.json"
	p.want(exitOK, "bindings", "check")
	for _, format := range []string{"toml", "jsonc", "types"} {
		p.want(exitOK, "bindings", "generate", "--format", format)
		p.debug("bindings", "generate", "--worker", file, "--format", format)
	}
	p.want(exitOK, "bindings", "generate", "--worker", file, "--write")
	p.want(exitOK, "bindings", "check", "--fix")
	if p.node {
		p.want(exitOK, "dev")
		p.want(exitOK, "dev", "--clear")
	}
	p.write(inputs+"/app/node_modules/miniflare/index.js", "exports.Miniflare = class { constructor(o) { throw new Error(JSON.stringify(o)); } getSecretsStoreSecretAPI() {} getSecretsStoreSecret() {} };")
	p.debug("dev")
	p.files()
}

// emulate serves the API for a moment, and has values sent to it.
func (p *leakProject) emulate() {
	ctx, stop := context.WithCancel(p.t.Context())
	address := "127.0.0.1:" + freePort(p.t)
	served := make(chan struct{})
	q := *p
	q.env = maps.Clone(p.env)
	go func() {
		defer close(served)
		q.runIn(ctx, "--log-level", "debug", "emulator", "--listen", address, "--state", "emulator.json", "--max-secrets", "1000")
	}()
	awaitServer(p.t, address)
	old := p.env["CLOUDFLARE_API_BASE_URL"]
	p.env["CLOUDFLARE_API_BASE_URL"] = "http://" + address + "/client/v4"
	p.want(exitOK, "apply", "--auto-approve", "--lockfile", "served.lock")
	p.env["CLOUDFLARE_API_BASE_URL"] = old
	stop()
	<-served
	p.files()
}

// rebuild writes a manifest of what exists, and a lockfile where it was lost.
func (p *leakProject) rebuild() {
	p.want(exitOK, "import", "-o", "nothing.yaml")
	whole, err := os.ReadFile("secretsync.lock")
	must(p.t, err)
	must(p.t, os.Remove("secretsync.lock"))
	p.write("few.json", `{"version": 1, "stores": {"prod": {"secrets": {"other": {"external": true}}}}}`)
	p.want(exitOK, "import", "-o", "found.yaml", "-f", "few.json")
	p.want(exitOK, "import", "--lock-only", "--auto-approve")
	p.write("secretsync.lock", string(whole))
}

// rekey changes the fingerprint key, to one that was drawn and to one that was given.
func (p *leakProject) rekey() {
	p.want(exitOK, "lock", "rekey", "--new-key-env", "NEXT_KEY")
	p.env["SECRETSYNC_FINGERPRINT_KEY"], p.env["NEXT_KEY"] = p.env["NEXT_KEY"], p.env["SECRETSYNC_FINGERPRINT_KEY"]
	p.shown(exitOK, "lock", "status")
	p.want(exitOK, "plan")
	p.write(".sops.yaml", "creation_rules: [{age: "+p.recipient+"}]")
	key := p.env["SECRETSYNC_FINGERPRINT_KEY"]
	p.want(exitOK, "lock", "rekey") // sealed in the lockfile
	p.env["SECRETSYNC_FINGERPRINT_KEY"] = ""
	p.want(exitOK, "plan")
	p.env["NEXT_KEY"] = key
	p.want(exitOK, "lock", "rekey", "--new-key-env", "NEXT_KEY")
	p.env["SECRETSYNC_FINGERPRINT_KEY"] = key
	must(p.t, os.Remove(".sops.yaml"))
}

// noneLeftOut finds commands that were not run.
func (p *leakProject) noneLeftOut() {
	root := (&app{}).rootCommand()
	root.InitDefaultCompletionCmd()
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Runnable() && !c.Hidden && !c.HasSubCommands() && !p.search.ran(c.CommandPath()) && (p.node || c.Name() != "dev") {
			p.t.Errorf("the suite does not run %s", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(root)
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // for a moment
	must(t, err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	must(t, err)
	return port
}

// awaitServer returns once somebody listens.
func awaitServer(t *testing.T, address string) {
	for range 1000 {
		if c, err := net.Dial("tcp", address); err == nil { //nolint:noctx // on this machine
			_ = c.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("nobody listens")
}
