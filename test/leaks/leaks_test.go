package leaks

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/test/program"
)

var allLeaks = flag.Bool("leaks", false, "run the whole leak suite, which takes a minute")

// TestLeaks sends random values through every source, command, format, log level, kind of
// error and fault. It searches all output, every file that is written (even if it exists
// only for a moment) and the arguments of child processes for each value, in every encoding,
// and for pieces of it.
func TestLeaks(t *testing.T) {
	program.SkipUnderRace(t)
	n := 2 * len(canaryKinds())
	if *allLeaks {
		n = 200
	}
	p := newLeakProject(t, n)
	p.everyCommand()
	t.Run("faults", p.everyFault)
	p.everyMistake()
	p.files()
	s := p.search
	for _, leak := range s.leaks {
		t.Errorf("leak: %s", leak)
	}
	t.Logf("values %d x encodings %d x places %d, pieces %d, runs %d, %d MB; files gone before they could be kept %d; leaks %d",
		len(p.values), len(encodings()), s.places, s.pieces, s.runs.Load(), s.size>>20, p.watch.gone, len(s.leaks))
}

// changeValues gives every secret from the environment the value of the next one.
func (p *leakProject) changeValues() {
	var last string
	for _, c := range p.values {
		if p.from[c.name] == "env" {
			last, p.env["LEAK_"+c.name] = p.env["LEAK_"+c.name], last
		}
	}
	p.env["LEAK_c000"] = last
}

// everyFault injects every fault into the requests that carry values, and into later requests.
func (p *leakProject) everyFault(t *testing.T) {
	echoed, kinds := echoes(), slices.Concat(program.FaultKinds, []string{"404"})
	if !*allLeaks {
		echoed, kinds = []string{"400", "known"}, []string{"403"}
	}
	for _, how := range echoed {
		t.Run("answer "+how, func(t *testing.T) {
			t.Parallel()
			p.clone(t, "echo-"+how).goesWrong(how, emulator.Fault{})
		})
	}
	for _, kind := range kinds {
		fault := program.Fault(t, kind)
		t.Run("fault "+kind, func(t *testing.T) {
			t.Parallel()
			p.clone(t, "fault-"+kind).goesWrong("", fault)
		})
	}
}

// goesWrong injects faults into creates, updates, deletions and lists in turn.
func (p *leakProject) goesWrong(how string, fault emulator.Fault) {
	file := filepath.Join(p.dir, "secretsync.json")
	step := func(method string, args ...string) {
		p.server.set(method, how, fault)
		p.debug(append(args, "-f", file, "--request-timeout", "1s")...)
	}
	step(http.MethodPost, "apply", "--auto-approve")
	step(http.MethodGet, "plan")
	step(http.MethodGet, "drift")
	step("", "apply", "--auto-approve")
	p.changeValues()
	step(http.MethodPatch, "apply", "--auto-approve", "--json")
	step(http.MethodDelete, "destroy", "--target", "prod/c00?", "--auto-approve")
	p.watch.search(p.search)
}

// everyMistake places values where none belongs, and damages files.
func (p *leakProject) everyMistake() {
	p.valuesInWrongPlaces()
	p.filesOfAnotherKind()
	p.damagedFiles()
	p.wrongSettings()
}

// valuesInWrongPlaces writes manifests with a value where none belongs.
func (p *leakProject) valuesInWrongPlaces() {
	for i, place := range []string{
		`%s`, `{value: %s}`, `{value: [%s]}`, `{value: {a: %s}}`, `{from: %s}`, `{from: [%s]}`, `{generate: %s}`, `{generate: {bytes: %s}}`,
		`{from: {file: a}, scopes: {a: %s}}`, `{from: {file: a}, delete: %s}`, `{from: {file: a, trim: %s}}`, `{from: {command: {a: %s}}}`,
		`{from: {command: [inputs/show.sh, %s]}}`, `{from: {command: ["curl -H " %s]}}`, `{value: %s, from: {file: a}}`, `[%s]`, `{value: %s`,
	} {
		for j, c := range p.values {
			if !*allLeaks && j%len(canaryKinds()) != i%len(canaryKinds()) || j > 30 {
				continue
			}
			text := fmt.Sprintf("version: 1\nstores: {prod: {secrets: {a: "+place+"}}}\n", asJSON(c.value))
			text = strings.Replace(text, `" "`, "", 1) // a whole command line instead of a program
			p.write(inputs+"/bad.yaml", text)
			p.debug("validate", "-f", "inputs/bad.yaml")
			p.debug("plan", "-f", "inputs/bad.yaml", "--allow-plaintext-values", "--lockfile", "bad.lock")
		}
	}
	for _, c := range p.values {
		if !strings.Contains(c.value, "\n") {
			p.write(inputs+"/bad.yaml", "version: 1\nstores: {prod: {secrets: {a: {value: "+c.value)
			p.debug("validate", "-f", "inputs/bad.yaml")
		}
	}
}

// filesOfAnotherKind names a file that holds a value where another kind of file is expected.
func (p *leakProject) filesOfAnotherKind() {
	for i, c := range p.values {
		if i >= len(canaryKinds()) && !*allLeaks || i > 30 {
			break // one of each kind is enough
		}
		for _, ext := range []string{"txt", "json", "yaml", "toml", "lock", "env", "ini"} {
			p.write(inputs+"/other."+ext, c.value)
			p.write(inputs+"/uses.yaml", "version: 1\nstores: {prod: {secrets: {a: {from: {sops: other."+ext+", key: a}}}}}\n")
			p.debug("plan", "-f", "inputs/uses.yaml", "--lockfile", "bad.lock")
			if ext == "txt" {
				p.debug("show", "inputs/other.txt")
				p.debug("plan", "--lockfile", "inputs/other.txt")
			} else {
				p.debug("validate", "-f", "inputs/other."+ext)
			}
		}
	}
}

// damagedFiles damages each of the project's own files.
func (p *leakProject) damagedFiles() {
	for _, name := range []string{"secretsync.json", "values.json", "values.yaml", "secretsync.lock", "plan.json"} {
		whole, err := os.ReadFile(name)
		program.Must(p.t, err)
		for damage, text := range map[string]string{
			"cut": string(whole[:len(whole)/2]), "empty": "", "conflict": "<<<<<<< HEAD\n" + string(whole) + "=======\n" + string(whole) + ">>>>>>> x\n",
			"ciphertext": strings.Replace(string(whole), "data:", "data:AAAA", 3), "type": strings.ReplaceAll(string(whole), "type:str", "type:int"),
			"mac": strings.Replace(string(whole), `"mac": "ENC[AES256_GCM,data:`, `"mac": "ENC[AES256_GCM,data:AAAA`, 1),
			"age": strings.ReplaceAll(string(whole), "BEGIN AGE", "BEGIN EGA"),
		} {
			p.t.Logf("%s: %s", name, damage)
			p.write(name, text)
			p.debug("validate")
			p.debug("plan")
			p.debug("apply", "plan.json")
			p.debug("drift")
		}
		p.write(name, string(whole))
	}
}

// wrongSettings tries credentials that do not match, or are in the wrong place.
func (p *leakProject) wrongSettings() {
	token := p.env["CLOUDFLARE_API_TOKEN"]
	for name, values := range map[string][]string{
		"CLOUDFLARE_ACCOUNT_ID":      {token, "", p.values[1].value},
		"CLOUDFLARE_API_TOKEN":       {"", token + "\n", "x" + p.values[4].value},
		"CLOUDFLARE_API_BASE_URL":    {"https://user:" + token + "@localhost", "http://127.0.0.1:1/" + token + "?x", token},
		"SECRETSYNC_FINGERPRINT_KEY": {token, p.values[2].value, p.values[8].value},
		"LEAK_c000":                  {"", p.values[0].value + "\xff", strings.Repeat(p.values[0].value, 12000)},
	} {
		old := p.env[name]
		for _, value := range values {
			p.env[name] = value
			p.debug("plan")
			p.debug("plan", "--offline")
			p.debug("drift")
		}
		p.env[name] = old
	}
	if *allLeaks { // connecting is retried for seconds
		p.env["CLOUDFLARE_API_BASE_URL"] = "http://127.0.0.1:1" // nothing listens there
		p.debug("plan")
	}
	stranger, err := age.GenerateX25519Identity()
	program.Must(p.t, err)
	p.t.Setenv("SOPS_AGE_KEY", stranger.String())
	p.debug("plan")
	p.debug("plan", "--keyless")
}

// TestShortLivedFilesAreSeen is about files that exist only for a moment.
func TestShortLivedFilesAreSeen(t *testing.T) {
	p := newLeakProject(t, 1)
	for _, dir := range []string{p.dir, os.Getenv("TMPDIR"), os.Getenv("HOME")} {
		p.search.leaks = nil
		path := filepath.Join(dir, "moment.tmp")
		program.Must(t, os.WriteFile(path, []byte(p.values[0].value), 0o600))
		time.Sleep(20 * time.Millisecond)
		program.Must(t, os.Remove(path))
		if p.watch.search(p.search); len(p.search.leaks) == 0 {
			t.Errorf("a file in %s is not seen", dir)
		}
	}
}
