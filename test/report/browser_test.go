//go:build browser

// Package report_test looks at the pages of report in headless Chromium, with Playwright and axe.
// make report runs it; it needs Node.js and /usr/bin/chromium, or what CHROMIUM names.
package report_test

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/report"
	"github.com/secretsync/secretsync/internal/report/reporttest"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/secretsync/secretsync/test/program"
)

var screenshots = flag.String("screenshots", "", "write screenshots into this folder")

// planted are values that must not be in a page.
var planted = []string{"planted-value-of-the-environment", "planted <value> & of a file"}

func TestBrowser(t *testing.T) {
	dir := t.TempDir()
	for name, inv := range map[string]*reconcile.Inventory{
		"sample": reporttest.Sample(), "many": reporttest.Many(200), "empty": reporttest.Empty(), "foreign": reporttest.Foreign(),
	} {
		page, err := report.New(inv, "secretsync.yaml", render.NewOrigin("0123456789abcdef0123456789abcdef01234567", ""), report.Asked{Who: true}).HTML(nil)
		program.Must(t, err)
		program.Must(t, os.WriteFile(filepath.Join(dir, name+".html"), page, 0o600))
	}
	realPage(t, filepath.Join(dir, "real.html"))
	list, err := json.Marshal(planted)
	program.Must(t, err)
	program.Must(t, os.WriteFile(filepath.Join(dir, "planted.json"), list, 0o600))

	args := []string{"check.mjs", dir}
	if *screenshots != "" {
		args = append(args, *screenshots)
	}
	out, err := exec.CommandContext(t.Context(), "node", args...).CombinedOutput()
	t.Logf("%s", out)
	program.Must(t, err)
}

// realPage writes the page of a project that was applied to the emulator.
func realPage(t *testing.T, file string) {
	server := program.Emulator(t, emulator.Options{RateLimit: -1})
	p := program.NewProject(t, server.BaseURL())
	p.Write("secretsync.yaml", "version: 1\nstores:\n  prod:\n    secrets:\n      planted-one: {from: {env: PLANTED}, rotate_after: 30d}\n      planted-two: {from: {file: two.txt}}\n")
	p.Write("two.txt", planted[1])
	p.Env["PLANTED"] = planted[0]
	for _, args := range [][]string{{"apply", "--auto-approve"}, {"report", "--html", file}} {
		if code, out := p.Run(args...); code != program.OK {
			t.Fatalf("%v: exit code %d:\n%s", args, code, out)
		}
	}
}
