//go:build unix

package manifest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// scripted is a manifest with a script as its command. secretsync itself starts no shell.
func scripted(t *testing.T, script string) string {
	return write(t, map[string]string{"secretsync.yaml": one("from: {command: [sh, script]}"), "script": script})
}

func TestCommand(t *testing.T) {
	allowed := Options{AllowCommands: true}
	for script, want := range map[string]string{
		"printf 'a\\n'": "a", "printf 'a\\r\\n'": "a", "printf 'a\\n\\n'": "a\n", "printf 'a\\r'": "a\r", "printf ' a '": " a ",
		"printf a; echo noise >&2": "a", "basename \"$PWD\" >/dev/null; test -f secretsync.yaml && printf here": "here",
		"head -c 65536 /dev/zero | tr '\\0' x; echo": strings.Repeat("x", maxValue),
		"cat":                                  "!is empty", // standard input is empty
		"echo canary; echo canary >&2; exit 7": `!the command "sh" failed with exit code 7 (run it yourself to see why: its output is not shown here`,
		"head -c 65537 /dev/zero | tr '\\0' x": "!the value is larger than 65536 bytes",
		"yes canary":                           "!the command's output is larger than 65536 bytes",
	} {
		got, err := resolveOne(t, scripted(t, script), allowed)
		if message, bad := strings.CutPrefix(want, "!"); bad {
			wantError(t, err, ":5:11: ", message)
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("%s: the error shows output: %v", script, err)
			}
		} else if err != nil || got != want {
			t.Errorf("%s: %q, %v", script, got, err)
		}
	}
	dir := write(t, map[string]string{"secretsync.yaml": one("from: {command: [./canary-less-absent]}")})
	_, err := resolveOne(t, dir, allowed)
	wantError(t, err, `the secret "k": the program "./canary-less-absent" was not found`)
}

// trim says how much of the end of the output counts: values that were stored with a line end
// can be sent with it or without.
func TestCommandTrim(t *testing.T) {
	for trim, want := range map[string]string{"": "a\n", ", trim: true": "a", ", trim: false": "a\n\n"} {
		dir := write(t, map[string]string{"secretsync.yaml": one(`from: {command: [printf, 'a\n\n']` + trim + `}`)})
		if got, err := resolveOne(t, dir, Options{AllowCommands: true}); err != nil || got != want {
			t.Errorf("trim %q: %q, %v", trim, got, err)
		}
	}
	digests := map[string]bool{}
	for _, trim := range []string{"", ", trim: true", ", trim: false"} {
		m := mustLoad(t, write(t, map[string]string{"secretsync.yaml": one("from: {command: [op]" + trim + "}")}), Options{})
		digests[m.Stores[0].Secrets[0].Source.Digest()] = true
	}
	if len(digests) != 3 {
		t.Error("a review does not tell how much of the output counts")
	}
}

// A command that several secrets share runs once, from each folder.
func TestCommandRunsOnce(t *testing.T) {
	dir := write(t, map[string]string{
		"secretsync.yaml": "version: 1\ninclude: [sub/m.yaml]\nstores: {s: {secrets: {a: {from: {command: [sh, script]}}, " +
			"b: {from: {command: [sh, script], trim: false}}, c: {from: {command: [sh, script, x]}}}}}\n",
		"sub/m.yaml": "stores: {s: {secrets: {d: {from: {command: [sh, ../script]}}}}}\n",
		"script":     "echo $$ >> \"$(dirname $0)/ran\"; wc -l < \"$(dirname $0)/ran\"\n",
	})
	values, err := mustLoad(t, dir, Options{AllowCommands: true}).Resolve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a, b := string(values[SecretRef{"s", "a"}].Value.Reveal()), string(values[SecretRef{"s", "b"}].Value.Reveal())
	if n := strings.Count(string(readFile(t, filepath.Join(dir, "ran"))), "\n"); n != 3 || a+"\n" != b {
		t.Errorf("ran %d times; %q, %q", n, a, b)
	}
	// What failed is not run again either, and every secret says so.
	os.Remove(filepath.Join(dir, "ran"))
	if err := os.WriteFile(filepath.Join(dir, "script"), []byte("echo >> \"$(dirname $0)/ran\"; exit 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = mustLoad(t, dir, Options{AllowCommands: true}).Resolve(t.Context())
	wantError(t, err, `the secret "a"`)
	wantError(t, err, `the secret "b"`)
	if n := strings.Count(string(readFile(t, filepath.Join(dir, "ran"))), "\n"); n != 3 {
		t.Errorf("ran %d times", n)
	}
}

// Without the option, reading values runs nothing, and what reads none is not refused.
func TestCommandRefused(t *testing.T) {
	dir := write(t, map[string]string{"secretsync.yaml": one("from: {command: [touch, ran]}")})
	m := mustLoad(t, dir, Options{})
	if _, err := m.Ciphertexts(); err != nil {
		t.Error(err)
	}
	if _, err := m.Resolve(t.Context()); !errors.Is(err, ErrCommand) {
		t.Errorf("%v", err)
	}
	if _, err := load(t, dir, Options{Values: true}); !errors.Is(err, ErrCommand) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "ran")); err == nil {
		t.Error("the command ran")
	}
}

// A command gets the arguments as they are: there is no shell to expand them.
func TestCommandHasNoShell(t *testing.T) {
	dir := write(t, map[string]string{"secretsync.yaml": one("from: {command: [printf, '%s', '$HOME;`id` ${vars.x}']}")})
	if got, err := resolveOne(t, dir, Options{AllowCommands: true}); err != nil || got != "$HOME;`id` ${vars.x}" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestCommandEnvironment(t *testing.T) {
	dir := write(t, map[string]string{"secretsync.yaml": "accounts: {a: {id: 0123456789abcdef0123456789abcdef, token_env: MY_TOKEN}}\n" + one("from: {command: [env]}")})
	environ := func() []string {
		return []string{
			"PATH=" + os.Getenv("PATH"), "KEPT=1", "CLOUDFLARE_API_TOKEN=x", "CLOUDFLARE_ACCOUNT_ID=x", "CF_API_TOKEN=x", "SECRETSYNC_FINGERPRINT_KEY=x",
			"SOPS_AGE_KEY=x", "MY_TOKEN=x", "cloudflare_api_key=x",
		}
	}
	got, err := resolveOne(t, dir, Options{AllowCommands: true, Environ: environ})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got, "KEPT=1") || strings.Contains(got, "=x") {
		t.Errorf("environment: %s", got)
	}
}

// At the time limit, all processes that the command started are ended too.
func TestCommandTime(t *testing.T) {
	dir := scripted(t, "sleep 600 & echo $! > pid.new; mv pid.new pid; wait")
	m := mustLoad(t, dir, Options{AllowCommands: true})
	m.sources.commandTime = time.Second
	_, err := m.Resolve(t.Context())
	wantError(t, err, `the command "sh" took longer than`)
	checkGone(t, filepath.Join(dir, "pid"))

	m.sources.commandTime = time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := m.Resolve(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v; want the context's error", err)
	}
}

// Background processes of a command end with it, whether they hold the output open or not.
func TestCommandLeavesNothingBehind(t *testing.T) {
	for script, want := range map[string]string{
		"sleep 600 & echo $! > pid; echo v":                 "left a process behind",
		"sleep 600 >/dev/null 2>&1 & echo $! > pid; echo v": "",
	} {
		dir := scripted(t, script)
		got, err := resolveOne(t, dir, Options{AllowCommands: true})
		if want != "" {
			wantError(t, err, want)
		} else if err != nil || got != "v" {
			t.Errorf("%q, %v", got, err)
		}
		checkGone(t, filepath.Join(dir, "pid"))
	}
}

func checkGone(t *testing.T, pidFile string) {
	t.Helper()
	var pid int
	for _, c := range strings.TrimSpace(string(readFile(t, pidFile))) {
		pid = pid*10 + int(c-'0')
	}
	for range 200 { // until its parent has reaped it
		stat, err := os.ReadFile(filepath.Join("/proc", strings.TrimSpace(string(readFile(t, pidFile))), "stat"))
		if syscall.Kill(pid, 0) != nil || err == nil && strings.Contains(string(stat), ") Z ") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %d outlived its command", pid)
}

// A pipe is refused without opening it, which would block forever.
func TestPipe(t *testing.T) {
	dir := write(t, map[string]string{"secretsync.yaml": one("from: {file: pipe}")})
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Skip(err)
	}
	for _, outside := range []bool{false, true} {
		m := mustLoad(t, dir, Options{AllowOutside: outside})
		wantError(t, m.Check(), "is not a regular file")
		_, err := m.Resolve(t.Context())
		wantError(t, err, "is not a regular file")
	}
	_, err := load(t, dir, Options{File: filepath.Join(dir, "pipe")})
	wantError(t, err, "is not a regular file")
	_, err = load(t, dir, Options{File: os.DevNull, AllowOutside: true})
	wantError(t, err, "is not a regular file")
}

// The text that a program prints in place of a missing value is not a value.
func TestStandIns(t *testing.T) {
	for program, prints := range map[string]string{"aws": "None", "az": "None", "kubectl": "<no value>", "jq": "null", "yq": "null"} {
		dir := write(t, map[string]string{"secretsync.yaml": one("from: {command: [./" + program + "]}"), program: "#!/bin/sh\necho '" + prints + "'\n"})
		if err := os.Chmod(filepath.Join(dir, program), 0o700); err != nil { //nolint:gosec // a script
			t.Fatal(err)
		}
		_, err := resolveOne(t, dir, Options{AllowCommands: true})
		wantError(t, err, `the secret "k": the command "./`+program+`" printed `+prints+` instead of a value`)
	}
	if got, err := resolveOne(t, scripted(t, "echo null"), Options{AllowCommands: true}); err != nil || got != "null" {
		t.Errorf("another program: %q, %v", got, err)
	}
}
