// Package valuesfrom runs the recipes of docs/values-from.md with the real program, against the
// emulator. Each manifest is taken from the page. The programs of secret managers are fakes that
// check their arguments.
package valuesfrom

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/test/program"
)

// canary is in what the fakes write to standard error, which no output may show.
const canary = "canary-of-a-program"

const store = "default_secrets_store"

func TestMain(m *testing.M) {
	programs := map[string]func(){}
	for name, f := range fakes {
		programs[name] = func() { os.Exit(f.run(name)) }
	}
	program.Main(m, programs)
}

// page is docs/values-from.md, and its blocks by their names.
func page(t *testing.T) (text string, blocks map[string]string) {
	t.Helper()
	data, err := os.ReadFile("../../docs/values-from.md")
	program.Must(t, err)
	blocks = map[string]string{}
	for _, m := range regexp.MustCompile("(?s)```yaml ([^\n]+)\n(.*?)```").FindAllStringSubmatch(string(data), -1) {
		blocks[m[1]] = m[2]
	}
	return string(data), blocks
}

// place is a project whose manifest is a recipe, with the values that the fakes know.
type place struct {
	*program.Project
	emulator *emulator.Embedded
	values   string   // the folder of the fakes
	secrets  []string // values that no output may show
}

func newPlace(t *testing.T, recipe string) *place {
	t.Helper()
	_, blocks := page(t)
	e := program.Emulator(t, emulator.Options{})
	p := &place{Project: program.NewProject(t, e.BaseURL()), emulator: e, values: t.TempDir()}
	p.Env["HOME"], p.Env["FAKE_VALUES"] = t.TempDir(), p.values
	p.Write("secretsync.yaml", blocks[recipe])
	return p
}

// secretsync runs the program, and fails the test if it ends otherwise or shows a value.
func (p *place) secretsync(code int, args ...string) (output string) {
	p.T.Helper()
	cmd := p.Process("secretsync", program.With(args, "--wait=0")...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		p.T.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		p.T.Fatalf("%s: exit code %d, want %d\n%s", args, got, code, out)
	}
	for _, secret := range append(p.secrets, canary) {
		if secret = strings.TrimSpace(secret); secret != "" && bytes.Contains(out, []byte(secret)) {
			p.T.Errorf("%s shows a value, or what a program says:\n%s", args, out)
		}
	}
	return string(out)
}

// set sets a value in the secret manager.
func (p *place) set(name, value string) {
	p.T.Helper()
	program.Must(p.T, os.WriteFile(filepath.Join(p.values, name), []byte(value), 0o600))
	p.secrets = append(p.secrets, value)
}

// live fails the test unless a secret has a value in Cloudflare.
func (p *place) live(name, value string) {
	p.T.Helper()
	if !p.emulator.HasValue(program.Account, store, name, []byte(value)) {
		p.T.Errorf("%s has not the value that it should have", name)
	}
}

// writes counts the requests since the last call that can change something.
func (p *place) writes() (n int) {
	for _, r := range p.emulator.Requests() {
		if r.Method != http.MethodGet {
			n++
		}
	}
	p.emulator.ResetRequests()
	return n
}

// invocations are the runs of fakes since the last call.
func (p *place) invocations() (list []invocation) {
	p.T.Helper()
	log, err := os.ReadFile(filepath.Join(p.values, "log"))
	if err != nil {
		return nil
	}
	program.Must(p.T, os.Remove(filepath.Join(p.values, "log")))
	for decoder := json.NewDecoder(bytes.NewReader(log)); ; {
		var in invocation
		if err := decoder.Decode(&in); err == io.EOF {
			return list
		} else if err != nil {
			p.T.Fatal(err)
		}
		list = append(list, in)
	}
}

func (p *place) signIn() {
	p.T.Helper()
	program.Must(p.T, os.WriteFile(filepath.Join(p.values, "session"), nil, 0o600))
}

func (p *place) signOut() {
	p.T.Helper()
	program.Must(p.T, os.Remove(filepath.Join(p.values, "session")))
}

// recipes are the programs of the page's recipes.
var recipes = map[string]string{
	"1password.yaml": "op", "vault.yaml": "vault", "aws.yaml": "aws", "gcloud.yaml": "gcloud", "doppler.yaml": "doppler", "kubectl.yaml": "kubectl",
}

// TestEveryRecipe: no block of the page is without a test.
func TestEveryRecipe(t *testing.T) {
	_, blocks := page(t)
	for name := range blocks {
		if _, ok := recipes[name]; !ok && !slices.Contains([]string{"ci.yaml", "pod.yaml", "container"}, name) {
			t.Errorf("%s is not tested", name)
		}
	}
	if len(blocks) != len(recipes)+3 {
		t.Errorf("the page has %d blocks", len(blocks))
	}
}

func TestCommands(t *testing.T) {
	for recipe, name := range recipes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := fakes[name]
			p := newPlace(t, recipe)
			for secret := range f.args {
				p.set(secret, "value of "+secret+" "+rand.Text())
			}
			p.signIn()
			p.checkNothingRuns()
			p.checkApply(name, f)
			p.checkSignedOut(name, f)
			p.checkOddValues(name, f)
		})
	}
}

// checkNothingRuns: what a pull request can change runs only where that is allowed, and the jobs
// for pull requests need no permission.
func (p *place) checkNothingRuns() {
	p.T.Helper()
	if out := p.secretsync(program.Error, "apply", "--auto-approve"); !strings.Contains(out, "hint: --allow-commands permits it") {
		p.T.Errorf("refused without a hint:\n%s", out)
	}
	p.secretsync(program.Error, "plan")
	p.secretsync(program.OK, "validate")
	p.secretsync(program.OK, "plan", "--keyless")
	if ran := p.invocations(); len(ran) > 0 {
		p.T.Errorf("ran without permission: %v", ran)
	}
}

// checkApply: the values are applied as they are in the secret manager, by one run of each command.
func (p *place) checkApply(name string, f fake) {
	p.T.Helper()
	p.secretsync(program.OK, "apply", "--auto-approve", "--allow-commands")
	ran := p.invocations()
	if len(ran) != len(f.args) {
		p.T.Errorf("%d runs: %v", len(ran), ran)
	}
	for _, in := range ran {
		if in.Program != name || len(in.Unwanted) > 0 || !sameFolder(in.Dir, p.Dir) {
			p.T.Errorf("%+v", in)
		}
	}
	for secret := range f.args {
		p.live(secret, p.value(secret))
	}
	p.writes()
	p.secretsync(program.OK, "apply", "--auto-approve", "--allow-commands")
	p.secretsync(program.OK, "drift")
	if n := p.writes(); n > 0 {
		p.T.Errorf("a second apply writes %d times", n)
	}
	// A new value is an update. A plan that runs nothing cannot see it, so it is not reviewed.
	p.set("stripe-key", "rotated "+rand.Text())
	p.secretsync(program.OK, "plan", "--keyless", "--detailed-exitcode", "-o", p.Path("plan.json"))
	p.secretsync(program.Stale, "apply", p.Path("plan.json"), "--allow-commands")
	p.secretsync(program.Changes, "plan", "--allow-commands", "--detailed-exitcode")
	p.secretsync(program.OK, "apply", "--auto-approve", "--allow-commands")
	p.live("stripe-key", p.value("stripe-key"))
	p.invocations()
}

// checkSignedOut: an error says which secret, which program and what to do.
func (p *place) checkSignedOut(name string, f fake) {
	p.T.Helper()
	p.signOut()
	out := p.secretsync(program.Error, "plan", "--allow-commands")
	for _, want := range []string{
		`the secret "stripe-key": the command "` + name + `" failed with exit code `, "run it yourself to see why", "if it is not signed in: ",
	} {
		if !strings.Contains(out, want) {
			p.T.Errorf("want %q in\n%s", want, out)
		}
	}
	if text, _ := page(p.T); name == "op" {
		if shown := regexp.MustCompile("(?s)```\nerror: .*?```").FindString(text); shown == "" || !strings.Contains(
			strings.ReplaceAll(out, p.Path("secretsync.yaml"), "secretsync.yaml"), strings.Trim(shown, "`\n")) {
			p.T.Errorf("the page shows %s, and the program\n%s", shown, out)
		}
	}
	if ran := p.invocations(); len(ran) != len(f.args) {
		p.T.Errorf("%d runs: %v", len(ran), ran)
	}
	p.signIn()
}

// checkOddValues: values that a program cannot return are refused, and programs that add a newline keep
// the value's own.
func (p *place) checkOddValues(name string, f fake) {
	p.T.Helper()
	pem := "-----END " + rand.Text()
	p.set("stripe-key", pem+"\n")
	p.secretsync(program.OK, "apply", "--auto-approve", "--allow-commands")
	if f.newline {
		pem += "\n"
	}
	p.live("stripe-key", pem)
	if _, ok := f.args["tls-key"]; ok { // with trim: false
		p.set("tls-key", "-----END "+rand.Text()+"\n")
		p.secretsync(program.OK, "apply", "--auto-approve", "--allow-commands")
		p.live("tls-key", p.value("tls-key"))
	}
	p.set("stripe-key", "\x89PNG\r\n\x1a\n\x00\xff")
	program.Must(p.T, os.WriteFile(filepath.Join(p.values, "binary"), nil, 0o600))
	out := p.secretsync(program.Error, "plan", "--allow-commands")
	want := "the value is not UTF-8 text"
	if f.binary != nil {
		want = `the secret "stripe-key": the command "` + name + `" printed ` + string(f.binary) + " instead of a value"
	}
	if !strings.Contains(out, want) {
		p.T.Errorf("want %q in\n%s", want, out)
	}
	p.set("stripe-key", "")
	program.Must(p.T, os.Remove(filepath.Join(p.values, "binary")))
	if out := p.secretsync(program.Error, "plan", "--allow-commands"); !strings.Contains(out, "the value is empty") {
		p.T.Errorf("an empty value:\n%s", out)
	}
}

// value is what the secret manager has.
func (p *place) value(name string) string {
	p.T.Helper()
	data, err := os.ReadFile(filepath.Join(p.values, name))
	program.Must(p.T, err)
	return string(data)
}

func sameFolder(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// TestPullRequest: a job that may not run commands plans, and after the review a job that may run them
// applies the plan, even if there is a lockfile.
func TestPullRequest(t *testing.T) {
	p := newPlace(t, "1password.yaml")
	p.set("stripe-key", "value of 1Password "+rand.Text())
	p.signIn()
	p.secretsync(program.OK, "init")
	p.secretsync(program.OK, "plan", "--keyless", "-o", p.Path("plan.json"))
	p.secretsync(program.OK, "apply", p.Path("plan.json"), "--allow-commands")
	p.live("stripe-key", p.value("stripe-key"))

	_, blocks := page(t)
	p.Write("secretsync.yaml", blocks["1password.yaml"]+`      another-key: {from: {command: [op, read, "op://Production/Stripe/secret key"]}}`+"\n")
	out := p.secretsync(program.OK, "plan", "--keyless")
	if !strings.Contains(out, "1 value is identified by its source only, because the plan was made without keys.") {
		t.Errorf("%s", out)
	}
	id := regexp.MustCompile(`Plan id: (\S+)`).FindStringSubmatch(out)
	if id == nil {
		t.Fatal(out)
	}
	p.invocations()
	p.secretsync(program.OK, "apply", "--plan-id", id[1], "--allow-commands")
	p.live("another-key", p.value("stripe-key"))
	if ran := p.invocations(); len(ran) != 1 {
		t.Errorf("a command of two secrets ran %d times", len(ran))
	}
}

// TestNotInstalled: a program that is not there is named, and the hint is not about a session.
func TestNotInstalled(t *testing.T) {
	p := newPlace(t, "1password.yaml")
	cmd, err := exec.LookPath("secretsync")
	program.Must(t, err)
	bin := t.TempDir()
	program.Must(t, os.Symlink(cmd, filepath.Join(bin, "secretsync")))
	p.Env["PATH"] = bin
	out := p.secretsync(program.Error, "plan", "--allow-commands")
	if !strings.Contains(out, `the secret "stripe-key": the program "op" was not found`) || strings.Contains(out, "signed in") {
		t.Errorf("%s", out)
	}
}

func TestCIVariables(t *testing.T) {
	p := newPlace(t, "ci.yaml")
	p.Env["STRIPE_KEY"] = "" // as of a secret that does not exist, or that a fork may not have
	p.secretsync(program.Error, "plan")
	p.secretsync(program.OK, "plan", "--keyless")
	p.Env["STRIPE_KEY"] = "value of CI " + rand.Text()
	p.secrets = append(p.secrets, p.Env["STRIPE_KEY"])
	p.secretsync(program.OK, "apply", "--auto-approve")
	p.live("stripe-key", p.Env["STRIPE_KEY"])
}
