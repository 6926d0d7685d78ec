//go:build recipes

package recipes

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// run is one job on a GitHub runner, as far as the recipes use it: bash runs every script;
// other people's actions and expressions are looked up in tables.
type run struct {
	t       *testing.T
	place   *place
	values  map[string]string // of expressions, by their exact text
	dir     string            // the workspace
	temp    string
	env     map[string]string
	shell   string
	outputs map[string]map[string]string // of steps, by id
	outcome map[string]string

	failed  bool
	log     bytes.Buffer
	summary string
}

// newRun is a runner for an event, with nothing checked out.
func (p *place) newRun(event map[string]string) *run {
	r := &run{
		t: p.t, place: p, values: p.expressions(event), dir: filepath.Join(p.t.TempDir(), "workspace"), temp: p.t.TempDir(),
		outputs: map[string]map[string]string{}, outcome: map[string]string{},
	}
	p.workspace = r.dir
	p.installInto(r.temp)
	r.env = p.environment(map[string]string{
		"CI": "true", "GITHUB_ACTIONS": "true", "RUNNER_TEMP": r.temp, "GITHUB_STEP_SUMMARY": filepath.Join(r.temp, "summary"),
		"GITHUB_REPOSITORY": r.values["github.repository"], "GITHUB_SHA": event["sha"], "GITHUB_RUN_ID": cmp.Or(event["run"], "4711"),
		"GITHUB_SERVER_URL": p.server, "GITHUB_EVENT_PATH": filepath.Join(r.temp, "event.json"), "GITHUB_WORKSPACE": r.dir,
	})
	payload := "{}"
	if head := event["github.event.pull_request.head.sha"]; head != "" {
		payload = fmt.Sprintf(`{"pull_request": {"head": {"sha": %q}}}`, head)
	}
	write(p.t, r.env["GITHUB_EVENT_PATH"], payload)
	return r
}

// runJob runs a job of a recipe for an event, and returns the result; nil if its condition
// is false.
func (p *place) runJob(path, name string, event map[string]string) *run {
	p.t.Helper()
	w := parse[workflow](p.t, path)
	job, ok := w.Jobs[name]
	if !ok {
		p.t.Fatalf("%s has no job %s", path, name)
	}
	r := p.newRun(event)
	r.shell = w.Defaults.Run.Shell
	if job.If != "" && !r.condition(job.If) {
		return nil
	}
	for key, value := range job.Env {
		r.env[key] = r.expand(value)
	}
	r.failed = r.steps(job.Steps, r.env)
	summary, _ := os.ReadFile(r.env["GITHUB_STEP_SUMMARY"])
	r.summary = string(summary)
	p.written = append(p.written, r.summary, r.log.String())
	return r
}

// steps runs steps in turn, and reports whether one failed.
func (r *run) steps(steps []step, env map[string]string) (failed bool) {
	for _, s := range steps {
		always := strings.Contains(s.If, "always()")
		if failed && !always || s.If != "" && !r.condition(s.If) {
			continue
		}
		env := maps.Clone(env)
		for key, value := range s.Env {
			env[key] = r.expand(value)
		}
		ok := r.step(s, env)
		if s.ID != "" {
			r.outcome[s.ID] = map[bool]string{true: "success", false: "failure"}[ok]
		}
		failed = failed || !ok
	}
	return failed
}

func (r *run) step(s step, env map[string]string) bool {
	switch {
	case s.Run != "":
		shell := s.Shell
		if shell == "" {
			shell = r.shell
		}
		if shell != "bash" && strings.Contains(s.Run, "|") {
			r.t.Fatalf("step %q has a pipe, and a shell without pipefail", s.Name)
		}
		return r.script(s, env)
	case s.Uses == "secretsync/secretsync@main":
		return r.composite("action.yml", s, env)
	case s.Uses == "secretsync/secretsync/reviewed@main":
		return r.composite("reviewed/action.yml", s, env)
	case s.Uses == "actions/checkout@v5":
		if s.With["persist-credentials"] != "false" {
			r.t.Fatalf("a checkout leaves its token behind")
		}
		git(r.t, "", "clone", "--quiet", "--no-checkout", r.place.origin, r.dir)
		git(r.t, r.dir, "checkout", "--quiet", "--detach", r.env["GITHUB_SHA"])
		return true
	case s.Uses == "actions/setup-go@v6":
		return true
	case s.Uses == "github/codeql-action/upload-sarif@v4":
		r.place.sarif, _ = os.ReadFile(filepath.Join(r.dir, s.With["sarif_file"]))
		r.place.written = append(r.place.written, string(r.place.sarif))
		return true
	case s.Uses == "actions/upload-artifact@v4":
		if r.place.server != gitHubServer {
			r.t.Fatalf("Enterprise Server does not have %s", s.Uses)
		}
		r.place.artifact, _ = os.ReadFile(filepath.Join(r.dir, s.With["path"]))
		r.place.written = append(r.place.written, string(r.place.artifact))
		return true
	}
	r.t.Fatalf("the test does not know what %q does", s.Uses)
	return false
}

// script runs a script as GitHub does: from a file, with the same options for bash.
func (r *run) script(s step, env map[string]string) bool {
	if strings.Contains(s.Run, "${{") {
		r.t.Fatalf("step %q pastes an expression into a script", s.Name)
	}
	file := filepath.Join(r.t.TempDir(), "script.sh")
	output := file + ".output"
	write(r.t, file, s.Run)
	write(r.t, output, "")
	env["GITHUB_OUTPUT"] = output
	if s.WorkingDirectory != "" {
		s.WorkingDirectory = r.expand(s.WorkingDirectory)
	}
	cmd := exec.CommandContext(r.t.Context(), "bash", "--noprofile", "--norc", "-e", "-o", "pipefail", file)
	cmd.Dir = filepath.Join(r.dir, s.WorkingDirectory)
	cmd.Env = list(env)
	cmd.Stdout, cmd.Stderr = &r.log, &r.log
	err := cmd.Run()
	r.t.Logf("step %s %s: %v", s.ID, s.Name, err)
	if s.ID != "" {
		r.outputs[s.ID] = variables(r.t, output)
	}
	return err == nil
}

// composite runs an action of this repository with a step's inputs, in its own scope.
func (r *run) composite(path string, s step, env map[string]string) bool {
	a := parse[action](r.t, path)
	inner := &run{
		t: r.t, place: r.place, values: maps.Clone(r.values), dir: r.dir, temp: r.temp, env: env,
		outputs: map[string]map[string]string{}, outcome: map[string]string{},
	}
	for name, in := range a.Inputs {
		value, given := s.With[name]
		if !given {
			value = in.Default
		}
		if in.Required && value == "" {
			r.t.Fatalf("step %q lacks the input %s", s.Name, name)
		}
		inner.values["inputs."+name] = r.expand(value)
	}
	for name := range s.With {
		if _, known := a.Inputs[name]; !known {
			r.t.Fatalf("step %q has the input %s, which the action has not", s.Name, name)
		}
	}
	failed := inner.steps(a.Runs.Steps, env)
	r.log.Write(inner.log.Bytes())
	if s.ID != "" {
		r.outputs[s.ID] = map[string]string{}
		for name, out := range a.Outputs {
			r.outputs[s.ID][name] = inner.expand(out.Value)
		}
	}
	return !failed
}

var expression = regexp.MustCompile(`\$\{\{ (.*?) \}\}`)

// expand replaces expressions by their values.
func (r *run) expand(text string) string {
	return expression.ReplaceAllStringFunc(text, func(e string) string {
		for _, term := range strings.Split(expression.FindStringSubmatch(e)[1], " || ") {
			if v := r.value(term); v != "" {
				return v
			}
		}
		return ""
	})
}

// condition evaluates the few forms of conditions that the recipes use.
func (r *run) condition(text string) bool {
	for _, term := range strings.Split(text, " && ") {
		left, right, equal := strings.Cut(term, " == ")
		if !equal {
			var differ bool
			if left, right, differ = strings.Cut(term, " != "); !differ && term != "always()" {
				r.t.Fatalf("the test does not know the condition %q", term)
			}
		}
		if term != "always()" && (r.value(left) == r.value(right)) != equal {
			return false
		}
	}
	return true
}

var (
	outputOf  = regexp.MustCompile(`^steps\.([a-z]+)\.outputs\.([a-z_-]+)$`)
	outcomeOf = regexp.MustCompile(`^steps\.([a-z]+)\.outcome$`)
)

// value is the value of an operand: a literal, a step's outcome, or an entry of the table.
// Anything else fails the test.
func (r *run) value(operand string) string {
	if m := outputOf.FindStringSubmatch(operand); m != nil {
		return r.outputs[m[1]][m[2]]
	}
	if m := outcomeOf.FindStringSubmatch(operand); m != nil {
		return r.outcome[m[1]]
	}
	if operand == "true" || operand == "false" {
		return operand
	}
	if strings.HasPrefix(operand, "'") {
		return strings.Trim(operand, "'")
	}
	v, known := r.values[operand]
	if !known {
		r.t.Fatalf("the test has no value for the expression %q", operand)
	}
	return v
}

func list(env map[string]string) []string {
	var l []string
	for _, key := range slices.Sorted(maps.Keys(env)) {
		l = append(l, key+"="+env[key])
	}
	return l
}

// variables reads a file of NAME=VALUE lines.
func variables(t *testing.T, path string) map[string]string {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	vars := map[string]string{}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		vars[name] = value
	}
	return vars
}
