package localdev

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/secretsync/secretsync/internal/subprocess"
)

//go:embed seed.cjs
var seed string

//go:embed find.cjs
var find string

// Finder is the beginning of a program for Node.js. Its find({dirs}) returns the file of the
// Miniflare that a project in one of the folders uses, or throws an error. After that, by is
// the package that it came with.
func Finder() string { return find }

// answerMark starts the line with seed.cjs's answer.
const answerMark = "\nsecretsync-dev:"

const (
	// endsWithin is how long Node.js may take to stop workerd after a signal.
	endsWithin = 5 * time.Second
	// nodeTime and maxNode are far more than storing all values takes.
	nodeTime = 5 * time.Minute
	maxNode  = 4 << 20
)

// job is the input of seed.cjs.
type job struct {
	Dirs    []string    `json:"dirs"`
	Vite    bool        `json:"vite"`
	Persist string      `json:"persist"`
	Clear   bool        `json:"clear"`
	Secrets []jobSecret `json:"secrets"`
}

type jobSecret struct {
	StoreID string `json:"store_id"`
	Name    string `json:"name"`
	Value   string `json:"value,omitempty"`
}

func run(ctx context.Context, p Place, secrets []Secret, remove bool) ([]Secret, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, ErrNoNode
	}
	j := job{Clear: remove, Vite: p.Vite, Secrets: []jobSecret{}}
	for _, dir := range append([]string{p.Dir}, p.Dirs...) {
		if dir, err = filepath.Abs(dir); err != nil {
			return nil, err
		}
		j.Dirs = append(j.Dirs, dir)
	}
	if j.Persist, err = filepath.Abs(p.persist()); err != nil {
		return nil, err
	}
	for _, s := range secrets {
		js := jobSecret{StoreID: s.StoreID, Name: s.Name}
		if !remove {
			js.Value = string(s.Value.Reveal())
		}
		j.Secrets = append(j.Secrets, js)
	}
	input, err := json.Marshal(j)
	if err != nil {
		return nil, errors.New("a value cannot be passed to Node.js") // the error could quote it
	}
	defer clear(input)
	out, err := subprocess.Command{
		Args: []string{node, "-e", find + seed}, Dir: j.Dirs[0], Env: Environ(os.Environ()), Stdin: bytes.NewReader(input),
		Time: nodeTime, MaxOutput: maxNode, Stop: endsWithin,
	}.Output(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return answer(secrets, out, err)
}

// answer parses the answer of seed.cjs, which follows any other output.
func answer(secrets []Secret, out []byte, err error) ([]Secret, error) {
	var a struct {
		Error, By, Node, Cause string
		Changed                []int
	}
	var answered bool
	if i := bytes.LastIndex(out, []byte(answerMark)); i >= 0 {
		line, _, _ := bytes.Cut(out[i+len(answerMark):], []byte("\n"))
		answered = json.Unmarshal(line, &a) == nil
	}
	var changed []Secret
	for _, i := range a.Changed {
		if i >= 0 && i < len(secrets) {
			changed = append(changed, secrets[i])
		}
	}
	switch {
	case !answered && err != nil:
		return nil, fmt.Errorf("the project's wrangler %w: Node.js ended without an answer: %w", ErrFailed, err)
	case !answered:
		return nil, fmt.Errorf("the project's wrangler %w: Node.js gave no answer", ErrFailed)
	case a.Error == "missing":
		return nil, ErrNoMiniflare
	case a.Error == "unsupported":
		return nil, fmt.Errorf("%s %w", a.By, ErrUnsupported)
	case a.Error == "lost":
		return nil, fmt.Errorf("%s %w: %s", a.By, ErrLost, names(changed))
	case a.Error != "" && a.Cause == "":
		return nil, fmt.Errorf("%s %w, on Node.js %s", a.By, ErrFailed, a.Node)
	case a.Error != "":
		return nil, fmt.Errorf("%s %w, on Node.js %s: %s", a.By, ErrFailed, a.Node, a.Cause)
	}
	return changed, nil
}

func names(secrets []Secret) string {
	var list []string
	for _, s := range secrets {
		list = append(list, s.Name)
	}
	return strings.Join(list, ", ")
}

// Environ returns an environment without the credentials, which Miniflare does not need.
func Environ(all []string) []string {
	var kept []string
	for _, v := range all {
		name, _, _ := strings.Cut(v, "=")
		name = strings.ToUpper(name) // on Windows, names are case-insensitive
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
