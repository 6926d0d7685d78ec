// Package localdev puts secrets into the local Secrets Store that wrangler dev and
// Miniflare read, and takes them out. It drives the project's own Miniflare by Node.js:
// the files behind it are nobody's interface (CLOUDFLARE_API.md 9).
//
// Call [Put] and [Clear] with the folder of a Worker's configuration. Values are
// handed over on standard input. Miniflare keeps them in plain text in [Folder].
package localdev

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/secret"
)

// Folder is where Miniflare keeps local values, below the folder of a Worker's
// configuration.
const Folder = ".wrangler"

//go:embed seed.cjs
var seed string

// Secret is a secret of the local store, under the id and name that a Worker's
// configuration gives.
type Secret struct {
	StoreID, Name string
	// Value is not used by Clear.
	Value secret.Value
}

// What can be missing.
var (
	ErrNoNode      = errors.New("no Node.js is installed: wrangler dev needs it too")
	ErrNoMiniflare = errors.New("neither wrangler nor miniflare is installed here")
)

// Put sets secrets, whether they are there or not, and records which.
func Put(ctx context.Context, dir string, secrets []Secret) error {
	if err := noLinks(dir); err != nil {
		return err
	}
	before, err := Recorded(dir)
	if err != nil {
		return err
	}
	if err := record(dir, append(before, secrets...)); err != nil { // before, so that none is left unknown
		return err
	}
	_, err = run(ctx, dir, secrets, false)
	return err
}

// Clear takes secrets out, with all also what else Put has put there, and returns those
// that were there.
func Clear(ctx context.Context, dir string, secrets []Secret, all bool) ([]Secret, error) {
	if err := noLinks(dir); err != nil {
		return nil, err
	}
	before, err := Recorded(dir)
	if err != nil {
		return nil, err
	}
	var stay []Secret
	for _, b := range before {
		switch {
		case slices.ContainsFunc(secrets, func(s Secret) bool { return s.StoreID == b.StoreID && s.Name == b.Name }):
		case all:
			secrets = append(secrets, b)
		default:
			stay = append(stay, b)
		}
	}
	gone, err := run(ctx, dir, secrets, true)
	if err != nil {
		return nil, err
	}
	return gone, record(dir, stay)
}

// noLinks refuses to follow a symbolic link that a repository planted: plain text would
// go wherever it leads.
func noLinks(dir string) error {
	path := dir
	for _, name := range []string{Folder, "state", "v3", "secrets-store"} {
		path = filepath.Join(path, name)
		if info, err := os.Lstat(path); err == nil && !info.IsDir() {
			return fmt.Errorf("%s is not a folder: remove it, since values would go wherever it leads", path)
		}
	}
	return nil
}

// job is what seed.cjs reads.
type job struct {
	Dir     string      `json:"dir"`
	Persist string      `json:"persist"`
	Clear   bool        `json:"clear"`
	Secrets []jobSecret `json:"secrets"`
}

type jobSecret struct {
	StoreID string `json:"store_id"`
	Name    string `json:"name"`
	Value   string `json:"value,omitempty"`
}

func run(ctx context.Context, dir string, secrets []Secret, remove bool) ([]Secret, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, ErrNoNode
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	j := job{Dir: dir, Persist: filepath.Join(dir, Folder, "state", "v3"), Clear: remove}
	for _, s := range secrets {
		js := jobSecret{StoreID: s.StoreID, Name: s.Name}
		if !remove {
			js.Value = string(s.Value.Reveal())
		}
		j.Secrets = append(j.Secrets, js)
	}
	input, err := json.Marshal(j)
	if err != nil {
		return nil, errors.New("a value cannot be handed to Node.js") // the error could quote it
	}
	defer clear(input)
	cmd := exec.CommandContext(ctx, node, "-e", seed)
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stderr = dir, environ(os.Environ()), bytes.NewReader(input), io.Discard
	out, err := cmd.Output()
	return answer(secrets, out, err)
}

// answer reads what seed.cjs printed.
func answer(secrets []Secret, out []byte, err error) ([]Secret, error) {
	var a struct {
		Error   string
		Changed []int
	}
	switch bad := json.Unmarshal(out, &a); {
	case a.Error == "missing":
		return nil, ErrNoMiniflare
	case err != nil:
		return nil, fmt.Errorf("the project's Miniflare could not write its local store: %w", err)
	case bad != nil:
		return nil, errors.New("the project's Miniflare gave no answer")
	}
	var changed []Secret
	for _, i := range a.Changed {
		if i >= 0 && i < len(secrets) {
			changed = append(changed, secrets[i])
		}
	}
	return changed, nil
}

// environ is the environment less the credentials, which Miniflare has no need of.
func environ(all []string) []string {
	var kept []string
	for _, v := range all {
		name, _, _ := strings.Cut(v, "=")
		name = strings.ToUpper(name) // Windows doesn't tell the cases apart
		credential := false
		for _, prefix := range []string{"CLOUDFLARE_", "CF_", "SECRETSYNC_", "SOPS_"} {
			credential = credential || strings.HasPrefix(name, prefix)
		}
		if !credential {
			kept = append(kept, v)
		}
	}
	return kept
}
