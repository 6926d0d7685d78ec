//go:build recipes

package recipes

import (
	"bytes"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// gitLab is the part of GitLab's format that the recipe uses. Any other key is an error.
type gitLab struct {
	Stages    []string
	Variables map[string]string
	Jobs      map[string]gitLabJob `yaml:",inline"`
}

type gitLabJob struct {
	Extends, Image, Stage, Timeout, Environment string
	Rules                                       []struct {
		If, When string
		Changes  []string
	}
	Needs         []string
	ResourceGroup string `yaml:"resource_group"`
	Interruptible bool
	Variables     map[string]string
	BeforeScript  []string `yaml:"before_script"`
	Script        []string
	Artifacts     struct {
		When     string
		Paths    []string
		ExpireIn string `yaml:"expire_in"`
		Reports  map[string]string
	}
}

// install is the line that the test does not run, because there is no release yet.
const install = "go install github.com/secretsync/secretsync/cmd/secretsync@latest"

// gitLabPipeline is the pipeline of a commit, in a folder that contains its jobs' artifacts.
type gitLabPipeline struct {
	*place
	sha       string
	variables map[string]string
	artifacts map[string][]byte
	lastLog   string
}

func (p *place) pipeline(sha string, variables map[string]string) *gitLabPipeline {
	return &gitLabPipeline{place: p, sha: sha, variables: variables, artifacts: map[string][]byte{}}
}

// job runs a job as GitLab does, with all lines of its scripts in one shell, and returns its
// exit code.
func (l *gitLabPipeline) job(name string) int {
	l.t.Helper()
	file := parse[gitLab](l.t, l.gitLabYML)
	job, ok := file.Jobs[name]
	if !ok || !slices.Contains(file.Stages, job.Stage) {
		l.t.Fatalf("no job %s in a stage", name)
	}
	if before := file.Jobs[job.Extends].BeforeScript; !slices.Equal(before, []string{install}) {
		l.t.Fatalf("the test does not know the before_script %q", before)
	}
	dir := filepath.Join(l.t.TempDir(), "builds")
	l.workspace = dir
	git(l.t, "", "clone", "--quiet", "--no-checkout", l.origin, dir)
	git(l.t, dir, "checkout", "--quiet", "--detach", l.sha)
	for path, content := range l.artifacts {
		must(l.t, os.WriteFile(filepath.Join(dir, path), content, 0o600))
	}
	env := l.environment(map[string]string{
		"CI": "true", "GITLAB_CI": "true", "CI_DEFAULT_BRANCH": "main", "CI_COMMIT_SHORT_SHA": l.sha[:8], "CI_JOB_ID": "4711",
		"CI_PROJECT_URL": "file://" + strings.TrimSuffix(l.origin, ".git"), "CLOUDFLARE_ACCOUNT_ID": account, "LOCKFILE_TOKEN": "push-token",
	})
	for k, v := range l.variables {
		env[k] = v
	}
	for _, scope := range []map[string]string{file.Variables, job.Variables} {
		for k, v := range scope {
			env[k] = os.Expand(v, func(name string) string { return env[name] })
		}
	}
	cmd := exec.CommandContext(l.t.Context(), "bash", "-e", "-o", "pipefail", "-c", strings.Join(job.Script, "\n"))
	var log bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, list(env), &log, &log
	err := cmd.Run()
	l.lastLog = log.String()
	l.written = append(l.written, l.lastLog)
	l.t.Logf("%s: %v", name, err)
	l.collect(dir, job, env)
	return cmd.ProcessState.ExitCode()
}

// collect keeps a job's artifacts, all of which must exist.
func (l *gitLabPipeline) collect(dir string, job gitLabJob, env map[string]string) {
	paths := slices.Clone(job.Artifacts.Paths)
	for _, report := range job.Artifacts.Reports {
		paths = append(paths, report)
	}
	for _, path := range paths {
		path = os.Expand(path, func(name string) string { return env[name] })
		data, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			l.t.Errorf("an artifact is missing: %v\n%s", err, l.lastLog)
		}
		l.artifacts[path] = data
		l.written = append(l.written, string(data))
	}
}

func (p *place) withSecrets() map[string]string {
	return map[string]string{"CLOUDFLARE_READ_TOKEN": p.readToken, "CLOUDFLARE_WRITE_TOKEN": p.writeToken, "SOPS_AGE_KEY": p.identity}
}

func (l *gitLabPipeline) exits(name string, code int) {
	l.t.Helper()
	if got := l.job(name); got != code {
		l.t.Fatalf("%s: exit code %d, want %d\n%s", name, got, code, l.lastLog)
	}
}

// TestGitLab goes through the life of a project: merge requests, merges, drift.
func TestGitLab(t *testing.T) {
	p := newPlace(t)
	p.branch("first", map[string]string{"a": rand.Text(), "b": rand.Text()})
	request := p.pipeline(p.preview("first"), p.withSecrets())
	request.exits("secretsync-plan", 0)
	if !strings.Contains(string(request.artifacts["secretsync-report.json"]), `"create": 3`) || p.writes() != 0 {
		t.Fatalf("report: %s", request.artifacts["secretsync-report.json"])
	}
	p.emulator.ResetRequests()
	p.pipeline(p.preview("first"), nil).exits("secretsync-plan-fork", 0)
	if len(p.emulator.Requests()) != 0 {
		t.Fatal("the plan of a fork sent requests")
	}

	main := p.pipeline(p.merge("first"), p.withSecrets())
	main.exits("secretsync-plan-merged", 0)
	main.exits("secretsync-apply", 0)
	p.live("a", p.values["a"])
	head := p.sha(p.origin, "main")
	p.writes()
	main.exits("secretsync-apply", 0)
	if p.writes() != 0 || p.sha(p.origin, "main") != head {
		t.Fatal("a second apply did something")
	}
	p.pipeline(head, p.withSecrets()).exits("secretsync-drift", 0)

	// A plan that was approved no longer holds, because the secret was changed since.
	p.branch("second", map[string]string{"a": rand.Text()})
	main = p.pipeline(p.merge("second"), p.withSecrets())
	main.exits("secretsync-plan-merged", 0)
	p.dashboard("a", rand.Text())
	drifted := p.pipeline(head, p.withSecrets())
	drifted.exits("secretsync-drift", 2)
	if !strings.Contains(string(drifted.artifacts["drift.prom"]), "secretsync_drift_findings") {
		t.Fatal("no metrics")
	}
	p.writes()
	main.exits("secretsync-apply", 3)
	if p.writes() != 0 {
		t.Fatal("something was written that was not reviewed")
	}
	main.exits("secretsync-plan-merged", 0) // the pipeline is run again, and approved
	main.exits("secretsync-apply", 0)
	p.live("a", p.values["a"])
}

// TestGitLabLockfile keeps the lockfile, however the apply and the push end.
func TestGitLabLockfile(t *testing.T) {
	p := newPlace(t)
	p.branch("first", map[string]string{"a": rand.Text(), "b": rand.Text()})
	main := p.pipeline(p.merge("first"), p.withSecrets())
	main.exits("secretsync-plan-merged", 0)
	main.exits("secretsync-apply", 0)

	p.branch("second", map[string]string{"a": rand.Text(), "c": rand.Text()})
	main = p.pipeline(p.merge("second"), p.withSecrets())
	main.exits("secretsync-plan-merged", 0)
	p.fault = refuseUpdates
	main.exits("secretsync-apply", 4)
	p.fault = nil
	p.recorded("main", `"c": {`)
	main.exits("secretsync-apply", 0) // the same plan, finished
	p.live("a", p.values["a"])

	// The apply is killed, as by the kernel where memory is short.
	p.branch("killed", one("k"))
	main = p.pipeline(p.merge("killed"), p.withSecrets())
	main.exits("secretsync-plan-merged", 0)
	p.fault = p.killApply
	main.exits("secretsync-apply", 137)
	p.recorded("main", `"pending": {`)
	main.exits("secretsync-apply", 0)
	p.live("k", p.values["k"])

	p.branch("third", one("d"))
	main = p.pipeline(p.merge("third"), p.withSecrets())
	main.exits("secretsync-plan-merged", 0)
	p.protect()
	main.exits("secretsync-apply", 1)
	p.recorded("secretsync-lockfile-4711", `"d": {`)
}

// TestScriptsParse checks the syntax of all scripts with bash, and with shellcheck if it is
// installed.
func TestScriptsParse(t *testing.T) {
	var scripts []string
	for _, path := range []string{"action.yml", "reviewed/action.yml"} {
		for _, s := range parse[action](t, path).Runs.Steps {
			scripts = append(scripts, s.Run)
		}
	}
	for _, path := range []string{"examples/gitlab/.gitlab-ci.yml", "examples/gitlab/shared.gitlab-ci.yml"} {
		for _, job := range parse[gitLab](t, path).Jobs {
			scripts = append(scripts, strings.Join(job.Script, "\n"))
		}
	}
	commands := [][]string{{"bash", "-n", "-"}}
	if path, err := exec.LookPath("shellcheck"); err == nil {
		commands = append(commands, []string{path, "--shell=bash", "-"})
	}
	for _, script := range scripts {
		for _, command := range commands {
			cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
			cmd.Stdin = strings.NewReader("set -eo pipefail\n" + script) // as both run them
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s\n%s", command[0], err, out, script)
			}
		}
	}
}
