package leaks

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/visible"
	"github.com/secretsync/secretsync/test/program"
	"github.com/secretsync/secretsync/test/s3test"
	"github.com/spf13/cobra"
)

// logs are the log settings to try.
func (p *leakProject) logs() [][]string {
	levels := []string{"debug"}
	if *allLeaks {
		levels = []string{"debug", "info", "warn", "error"}
	}
	var all [][]string
	for _, level := range levels {
		for _, format := range []string{"text", "json"} {
			all = append(all, []string{"--log-level=" + level, "--log-format=" + format})
		}
	}
	return all
}

// formats are the formats of plan. Other commands have some of them.
func formats(t *testing.T) []string {
	plan, _, err := program.Root().Find([]string{"plan"})
	program.Must(t, err)
	return strings.Split(plan.Flags().Lookup("format").Usage, ", ")
}

// shown runs a command with each combination of formats and logs that it accepts.
func (p *leakProject) shown(wantCode int, args ...string) {
	p.t.Helper()
	cmd, _, err := program.Root().Find(args)
	program.Must(p.t, err)
	for i, log := range p.logs() {
		logged := program.With(args, log...)
		if i > 0 && len(logged) == len(args) {
			continue // the command has no log
		}
		for j, format := range formats(p.t) {
			all := logged
			switch takes := cmd.Flags().Lookup("format"); {
			case takes == nil && j > 0, takes != nil && !strings.Contains(takes.Usage, format), i > 1 && j > 1:
				continue
			case takes != nil:
				all = slices.Concat(logged, []string{"--format", format})
			}
			if code := p.run(all...); code != wantCode {
				p.t.Errorf("%v: exit code %d, want %d", all, code, wantCode)
			}
		}
	}
}

// debug runs a command with everything logged.
func (p *leakProject) debug(args ...string) int {
	p.t.Helper()
	return p.run(debugging(args)...)
}

func debugging(args []string) []string {
	if args[0] == "import" && !slices.Contains(args, "--lock-only") {
		if slices.Contains(args, "--from-env") {
			return args // it sends no request
		}
		return program.With(args, "--log-level=debug")
	}
	return program.With(args, "--log-level=debug", "--allow-commands", "--wait=0")
}

func (p *leakProject) everyCommand() {
	p.shown(program.OK, "validate")
	p.shown(program.OK, "plan", "--allow-commands")
	p.shown(program.OK, "plan", "--allow-commands", "--keyless", "--offline")
	p.shown(program.OK, "plan", "--allow-commands", "-o", "plan.json")
	p.shown(program.OK, "show", "plan.json")
	if code := p.debug("apply", "plan.json", "--json"); code != program.OK {
		p.t.Fatalf("the apply fails: exit code %d", code)
	}
	for _, c := range p.values {
		if !p.server.emulator.HasValue(program.Account, "prod", c.name, []byte(c.value)) {
			p.t.Errorf("the value of %s, from %s, did not arrive byte for byte", c.name, p.from[c.name])
		}
	}
	p.shown(program.OK, "apply", "--allow-commands", "--auto-approve")
	p.shown(program.OK, "apply", "--allow-commands", "--auto-approve", "--json")
	p.shown(program.OK, "drift", "--metrics-file", "drift.prom")
	p.shown(program.OK, "report", "--html", "report.html", "--who", "--live-bindings")
	p.verify()
	p.shown(program.OK, "lock", "status")
	p.shown(program.OK, "doctor")
	p.want(program.OK, "lock", "fold")
	p.shown(program.OK, "version")
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		p.shown(program.OK, "completion", shell)
	}
	p.shown(program.OK, "help")
	p.shown(program.OK, "schema")
	p.shown(program.OK, "schema", "plan")
	p.shown(program.OK, "init", "--no-sops")
	p.begin()
	p.workers()
	p.emulate()
	p.rebuild()
	p.takeOver()
	p.debug("rotate", "prod/generated", "--auto-approve", "--json")
	p.acceptChange()
	p.merge()
	p.changeValues()
	p.shown(program.OK, "plan", "--allow-commands")
	p.shown(program.Stale, "apply", "plan.json", "--allow-commands")
	p.debug("apply") // without approval
	p.debug("lock", "rekey", "--new-key-env", "LEAK_c000")
	p.rekey()
	for _, args := range [][]string{{"plan"}, {"apply", "--auto-approve"}, {"drift"}, {"report", "--html", "report.html"}, {"plan", "--format", "json"}} {
		p.exec(debugging(args)...)
	}
	p.share()
	p.debug("plan", "--emulator", "--lockfile", "e.lock")
	p.debug("apply", "--emulator", "--lockfile", "e.lock", "--auto-approve")
	p.debug("destroy", "--emulator", "--lockfile", "e.lock", "--auto-approve", "--max-deletes", "1000", "--json")
	p.noneLeftOut()
}

// want runs a command and checks its exit code.
func (p *leakProject) want(code int, args ...string) {
	p.t.Helper()
	if got := p.debug(args...); got != code {
		p.t.Errorf("%v: exit code %d, want %d", args, got, code)
	}
}

// workers runs the commands about a Worker. dev writes values in plaintext, through a stub of
// Miniflare; that folder counts as an input and is not searched.
func (p *leakProject) workers() {
	const file = inputs + "/app/wrangler.json"
	p.want(program.OK, "bindings", "check")
	for _, format := range []string{"toml", "jsonc", "types"} {
		p.want(program.OK, "bindings", "generate", "--format", format)
		p.debug("bindings", "generate", "--worker", file, "--format", format)
	}
	p.want(program.OK, "bindings", "generate", "--worker", file, "--write")
	p.want(program.OK, "bindings", "check", "--fix")
	p.want(program.OK, "bindings", "live")
	p.want(program.OK, "bindings", "live", "--format", "json")
	p.want(program.OK, "dev", "run", "--allow-commands", "--", "sh", "-c", `printf '%s' "$SECRETSYNC_DEV_VALUES"; printf '%s' "$SECRETSYNC_DEV_VALUES" >&2`)
	if p.node {
		p.want(program.OK, "dev")
		p.want(program.OK, "dev", "--clear")
	}
	p.write(inputs+"/app/node_modules/miniflare/index.js", "exports.Miniflare = class { constructor(o) { throw new Error(JSON.stringify(o)); } getSecretsStoreSecretAPI() {} getSecretsStoreSecret() {} };")
	p.debug("dev")
	p.files()
}

// emulate serves the API for a moment and sends values to it.
func (p *leakProject) emulate() {
	ctx, stop := context.WithCancel(p.t.Context())
	address := "127.0.0.1:" + freePort(p.t)
	served := make(chan struct{})
	q := *p
	q.env = maps.Clone(p.env)
	go func() {
		defer close(served)
		q.runIn(ctx, "emulator", "--listen", address, "--state", "emulator.json", "--max-secrets", "1000")
	}()
	awaitServer(p.t, address)
	old := p.env["CLOUDFLARE_API_BASE_URL"]
	p.env["CLOUDFLARE_API_BASE_URL"] = "http://" + address + "/client/v4"
	p.want(program.OK, "apply", "--auto-approve", "--lockfile", "served.lock")
	p.env["CLOUDFLARE_API_BASE_URL"] = old
	stop()
	<-served
	p.files()
}

// rebuild writes a manifest of what exists, and a lockfile after it was lost.
func (p *leakProject) rebuild() {
	p.want(program.OK, "import", "-o", "nothing.yaml")
	whole, err := os.ReadFile("secretsync.lock")
	program.Must(p.t, err)
	program.Must(p.t, os.Remove("secretsync.lock"))
	p.write("few.json", `{"version": 1, "stores": {"prod": {"secrets": {"other": {"external": true}}}}}`)
	p.want(program.OK, "import", "-o", "found.yaml", "-f", "few.json")
	p.want(program.OK, "import", "--lock-only", "--auto-approve")
	p.write("secretsync.lock", string(whole))
}

// share moves the lockfile into a bucket, applies with it there, and moves it back. What is written
// to the bucket is searched.
func (p *leakProject) share() {
	store := s3test.New("bucket")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			p.t.Error(err)
		}
		p.search.look("the bucket's "+r.URL.Path, body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		store.ServeHTTP(w, r)
	}))
	p.t.Cleanup(server.Close)
	p.t.Setenv("AWS_ENDPOINT_URL_S3", server.URL)
	const url = "s3://bucket/team/a.lock"
	p.shown(program.OK, "lock", "push", url, "--overwrite")
	p.changeValues()
	p.shown(program.OK, "plan", "--allow-commands", "--lockfile", url)
	p.want(program.OK, "apply", "--lockfile", url, "--auto-approve", "--json")
	p.shown(program.OK, "drift", "--lockfile", url)
	p.shown(program.OK, "lock", "status", "--lockfile", url)
	p.debug("lock", "break", "--lockfile", url, "--auto-approve") // nothing is held
	p.shown(program.OK, "lock", "pull", url, "--overwrite")
	pulled, err := os.ReadFile("secretsync.lock")
	program.Must(p.t, err)
	if !bytes.Contains(pulled, []byte("lineage")) {
		p.t.Error("the lockfile that was pulled is not the shared one")
	}
}

// takeOver imports files that hold the values in plaintext, and files that are broken in the middle
// of a value. The imported values arrive byte for byte.
func (p *leakProject) takeOver() {
	const vars, bulk, broken = inputs + "/.dev.vars", inputs + "/bulk.json", inputs + "/broken.env"
	p.write(".sops.yaml", "creation_rules: [{age: "+p.recipient+"}]")
	lines, values := "", m{}
	for i, c := range p.values {
		name := "taken_" + c.name
		quote := "'"
		if strings.Contains(c.value, quote) {
			quote = "`"
		}
		if i%2 == 0 || strings.ContainsAny(c.value, "\r\\"+quote) {
			values[name] = c.value
			continue
		}
		lines += name + "=" + quote + c.value + quote + "\n"
	}
	p.write(vars, lines)
	p.write(bulk, string(visible.JSON(asJSON(values)))) // without DEL, which is refused
	take := []string{"import", "--from-env", vars, bulk, "-f", "taken.yaml", "--sops", "taken.enc.yaml", "--store", "prod"}
	p.want(program.OK, append(take, "--dry-run")...)
	p.want(program.OK, take...)
	p.want(program.OK, take...) // all are there
	p.want(program.OK, "apply", "--auto-approve", "-f", "taken.yaml", "--lockfile", "taken.lock")
	for _, c := range p.values {
		if !p.server.emulator.HasValue(program.Account, "prod", "taken_"+c.name, []byte(c.value)) {
			p.t.Errorf("the value of %s was imported otherwise", c.name)
		}
	}
	p.want(program.OK, "destroy", "--auto-approve", "-f", "taken.yaml", "--lockfile", "taken.lock", "--max-deletes", "1000")
	for i, c := range p.values {
		if i >= len(canaryKinds()) && !*allLeaks || i > 30 {
			break // one of each kind is enough
		}
		for _, text := range []string{
			"%s", "A=%s", "A='%s", "A=\"%s\" b", "A=\n%s", "A=%s\n=\nB", "A=#%s", "A: %s\n- %[1]s", "{\"A\": \"%s\"", "{\"A\": [\"%s\"]}", "[\"%s\"]", "A=$%s", "A=op://%s", "export %s", "'%s'", "taken_c000='%s'",
		} {
			p.write(broken, fmt.Sprintf(text, c.value))
			p.debug("import", "--from-env", broken, "-f", "taken.yaml", "--sops", "taken.enc.yaml", "--dry-run")
		}
		p.write(broken, "A='"+c.value+"'")
		p.debug("import", "--from-env", broken, "--sops", "values.ini")
		p.debug("import", "--from-env", broken, "--sops", "values.yaml")
		p.debug("import", "--from-env", broken, "--only", "B")
	}
	program.Must(p.t, os.Remove(".sops.yaml"))
}

// acceptChange accepts what another client wrote to a secret.
func (p *leakProject) acceptChange() {
	base := p.env["CLOUDFLARE_API_BASE_URL"]
	id, err := program.FindID(base, "/stores", "prod")
	program.Must(p.t, err)
	secrets := "/stores/" + id + "/secrets"
	id, err = program.FindID(base, secrets, "generated")
	program.Must(p.t, err)
	_, err = program.Send(base, "PATCH", secrets+"/"+id, map[string]any{"comment": "theirs"})
	program.Must(p.t, err)
	before := p.notified.Load()
	p.shown(program.Changes, "drift", "--who")
	if n := p.notified.Load() - before; n < 5 {
		p.t.Errorf("%d messages were sent to 5 webhooks", n)
	}
	p.shown(program.OK, "plan", "--who", "--live-bindings", "--allow-commands")
	p.shown(program.OK, "lock", "accept", "prod/generated", "--auto-approve")
}

// merge merges lockfiles, and a lockfile with a file that holds a value instead. The latter is a
// conflict. Its result contains both files unchanged, as git's own would, so it counts as an input.
func (p *leakProject) merge() {
	lock, err := os.ReadFile("secretsync.lock")
	program.Must(p.t, err)
	for _, name := range []string{"base.lock", "ours.lock", "theirs.lock"} {
		p.write(name, string(lock))
	}
	p.want(program.OK, "lock", "merge", "base.lock", "ours.lock", "theirs.lock")
	for _, c := range p.values[:len(canaryKinds())] {
		p.write(inputs+"/ours.lock", string(lock))
		p.write(inputs+"/theirs.lock", c.value)
		p.want(program.Error, "lock", "merge", "base.lock", inputs+"/ours.lock", inputs+"/theirs.lock")
	}
}

// rekey changes the fingerprint key, to a generated one and to one from the environment.
func (p *leakProject) rekey() {
	p.want(program.OK, "lock", "rekey", "--new-key-env", "NEXT_KEY")
	p.env["SECRETSYNC_FINGERPRINT_KEY"], p.env["NEXT_KEY"] = p.env["NEXT_KEY"], p.env["SECRETSYNC_FINGERPRINT_KEY"]
	p.shown(program.OK, "lock", "status")
	p.want(program.OK, "plan")
	p.write(".sops.yaml", "creation_rules: [{age: "+p.recipient+"}]")
	key := p.env["SECRETSYNC_FINGERPRINT_KEY"]
	p.want(program.OK, "lock", "rekey") // sealed in the lockfile
	p.env["SECRETSYNC_FINGERPRINT_KEY"] = ""
	p.want(program.OK, "plan")
	p.env["NEXT_KEY"] = key
	p.want(program.OK, "lock", "rekey", "--new-key-env", "NEXT_KEY")
	p.env["SECRETSYNC_FINGERPRINT_KEY"] = key
	program.Must(p.t, os.Remove(".sops.yaml"))
}

// noneLeftOut finds commands that no test ran.
func (p *leakProject) noneLeftOut() {
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Runnable() && !c.Hidden && !c.HasSubCommands() && !p.search.ran(c.CommandPath()) && (p.node || c.Name() != "dev") {
			p.t.Errorf("the suite does not run %s", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(program.Root())
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // for a moment
	program.Must(t, err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	program.Must(t, err)
	return port
}

// awaitServer waits until a server accepts connections.
func awaitServer(t *testing.T, address string) {
	for range 1000 {
		if c, err := net.Dial("tcp", address); err == nil { //nolint:noctx // on this machine
			_ = c.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("no one listens")
}
