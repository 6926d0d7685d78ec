//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestWalkthrough follows docs/workers.md from an empty folder to the Worker that reads a
// secret: it writes each block that names a file, runs each command, and compares its output
// with the documented one. "…" matches whatever differs from run to run.
func TestWalkthrough(t *testing.T) {
	p := newPlace(t)
	doc, err := os.ReadFile(filepath.Join("..", "docs", "workers.md"))
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(p.dir, "bin")
	for name, pkg := range map[string]string{"sops": "github.com/getsops/sops/v3/cmd/sops", "age-keygen": "filippo.io/age/cmd/age-keygen"} {
		if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, name), pkg).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	if err := os.Symlink(secretsync, filepath.Join(bin, "secretsync")); err != nil {
		t.Fatal(err)
	}
	home, env := p.dir, ""
	modules, path := newest(t)
	if modules, err = filepath.Abs(modules); err != nil {
		t.Fatal(err)
	}
	path = bin + string(filepath.ListSeparator) + path
	ran := 0
	for _, block := range regexp.MustCompile("(?s)```([a-z]+)(?: (\\S+))?\n(.*?)```").FindAllStringSubmatch(string(doc), -1) {
		kind, file, text := block[1], block[2], block[3]
		switch {
		case file != "":
			path := filepath.Join(p.dir, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			p.write(file, text)
		case kind == "console":
			for _, step := range strings.Split(text, "$ ")[1:] {
				command, want, _ := strings.Cut(step, "\n")
				switch {
				case strings.HasPrefix(command, "export CLOUDFLARE_"): // the emulator's variables are set
					continue
				case strings.HasPrefix(command, "npx wrangler dev"):
					port := strings.TrimPrefix(p.wranglerDev(path), "http://")
					env += "export DEV=" + port + "\n"
					continue
				case command == "secretsync apply": // it asks only on a terminal
					command += " --auto-approve"
					want = regexp.MustCompile("\nApply these .*\n").ReplaceAllString(want, "")
				}
				got := p.shell(home, path, modules, env, command)
				if !matches(want, got) {
					t.Fatalf("$ %s\nprints:\n%s\nand not, as docs/workers.md has it:\n%s", command, got, want)
				}
				if strings.HasPrefix(command, "mkdir shop && cd shop") {
					p.dir = filepath.Join(p.dir, "shop")
				}
				if strings.HasPrefix(command, "export ") {
					env += command + "\n"
				}
				ran++
			}
		}
	}
	if ran < 12 {
		t.Errorf("only %d commands were found", ran)
	}
	if !p.emulator.HasValue(account, "default_secrets_store", "stripe-key", []byte("sk_live_example")) {
		t.Error("the value is not in the store")
	}
}

// shell runs a command of the walkthrough. What needs the internet is simulated: npm install
// links the packages that are installed already, and nothing is deployed.
func (p *place) shell(home, path, modules, env, command string) string {
	p.Helper()
	switch {
	case strings.HasPrefix(command, "npm install"):
		command = "ln -s " + modules + " node_modules"
	case strings.Contains(command, "localhost:8787"):
		command = strings.ReplaceAll(command, "localhost:8787", "$DEV")
	case command == "npx wrangler deploy":
		command += " --dry-run"
	}
	cmd := exec.CommandContext(p.Context(), "sh", "-c", env+command)
	cmd.Dir = p.dir
	cmd.Env = []string{
		"PATH=" + path, "HOME=" + home,
		"CLOUDFLARE_API_BASE_URL=" + p.baseURL, "CLOUDFLARE_API_TOKEN=test-token", "CLOUDFLARE_ACCOUNT_ID=" + account,
		"WRANGLER_SEND_METRICS=false", "NO_COLOR=1",
	}
	out, err := cmd.CombinedOutput()
	p.Logf("$ %s\n%s", command, out)
	if err != nil {
		p.Fatalf("%s: %v\n%s", command, err, out)
	}
	return string(out)
}

// matches compares output with the documented output.
func matches(want, got string) bool {
	parts := strings.Split(strings.TrimSpace(want), "…")
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return regexp.MustCompile(fmt.Sprintf(`(?s)^%s$`, strings.Join(parts, ".*"))).MatchString(strings.TrimSpace(got))
}
