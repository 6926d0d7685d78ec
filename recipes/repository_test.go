//go:build recipes

package recipes

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/sopsfile/sopstest"
)

// edit sets values (an empty one removes it), and writes the manifest and the SOPS file.
func (p *place) edit(values map[string]string) {
	p.t.Helper()
	maps.Copy(p.values, values)
	maps.DeleteFunc(p.values, func(_, v string) bool { return v == "" })
	var plain, manifest strings.Builder
	if p.bucket != nil {
		manifest.WriteString("lockfile: " + bucketLockfile + "\n")
	}
	fmt.Fprintf(&manifest, "version: 1\nstores:\n  %s:\n    secrets:\n", store)
	for _, s := range list(p.values) {
		name, value, _ := strings.Cut(s, "=")
		fmt.Fprintf(&plain, "%s: %s\n", name, value)
		fmt.Fprintf(&manifest, "      %s: {from: {sops: secrets/%s.enc.yaml, key: %s}}\n", name, name, name)
		file := filepath.Join(p.dev, "secrets", name+".enc.yaml")
		if _, changed := values[name]; !changed {
			continue
		}
		sealed, err := sopstest.Encrypt(name+".enc.yaml", []byte(name+": "+value+"\n"), "", p.recipient)
		must(p.t, err)
		must(p.t, os.MkdirAll(filepath.Dir(file), 0o755))
		write(p.t, file, string(sealed))
	}
	write(p.t, filepath.Join(p.dev, "secretsync.yaml"), manifest.String())
}

func (p *place) commit(message string) {
	p.t.Helper()
	git(p.t, p.dev, "add", "--all")
	git(p.t, p.dev, "commit", "--quiet", "--message", message)
}

// branch creates a branch from main with an edit, and pushes it. A second edit of the same
// branch is a second commit.
func (p *place) branch(name string, values map[string]string) {
	p.t.Helper()
	git(p.t, p.dev, "fetch", "--quiet", "origin")
	if exec.Command("git", "-C", p.dev, "rev-parse", "--verify", "--quiet", name).Run() != nil {
		git(p.t, p.dev, "checkout", "--quiet", "-b", name, "origin/main")
	}
	git(p.t, p.dev, "checkout", "--quiet", name)
	p.edit(values)
	p.commit("edit")
	git(p.t, p.dev, "push", "--quiet", "origin", name)
}

// preview is the merge commit that GitHub creates for a pull request, and plans on.
func (p *place) preview(name string) string {
	p.t.Helper()
	git(p.t, p.dev, "checkout", "--quiet", "--detach", "origin/main")
	git(p.t, p.dev, "merge", "--quiet", "--no-ff", "--message", "preview", name)
	git(p.t, p.dev, "push", "--quiet", "--force", "origin", "HEAD:refs/pull/"+name)
	return p.sha(p.dev, "HEAD")
}

// merge merges a branch, and returns the merge commit.
func (p *place) merge(name string) string {
	p.t.Helper()
	git(p.t, p.dev, "fetch", "--quiet", "origin")
	git(p.t, p.dev, "checkout", "--quiet", "--detach", "origin/main")
	git(p.t, p.dev, "merge", "--quiet", "--no-ff", "--message", "merge "+name, name)
	git(p.t, p.dev, "push", "--quiet", "origin", "HEAD:main")
	return p.sha(p.dev, "HEAD")
}

func (p *place) sha(dir, rev string) string {
	return strings.TrimSpace(git(p.t, dir, "rev-parse", rev))
}

// protect makes origin refuse pushes to main.
func (p *place) protect() {
	hook := filepath.Join(p.origin, "hooks", "update")
	must(p.t, os.MkdirAll(filepath.Dir(hook), 0o755))
	must(p.t, os.WriteFile(hook, []byte("#!/bin/sh\ntest \"$1\" != refs/heads/main\n"), 0o755))
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), "git", append([]string{
		"-c", "user.name=dev", "-c", "user.email=dev@example.com", "-c", "protocol.file.allow=always"}, args...)...)
	cmd.Dir = dir
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		t.Fatalf("git %q: %v %s", args, err, problem.String())
	}
	return out.String()
}
