package preview

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/secretsync/secretsync/internal/localdev"
)

//go:embed workerd.cjs
var program string

// answerMark starts the line with workerd.cjs's answer.
const answerMark = "secretsync-preview:"

const (
	// startTime is far more than the start of workerd takes.
	startTime = 2 * time.Minute
	// stopTime is how long Node.js may take to stop workerd.
	stopTime = 5 * time.Second
)

// errNotInstalled means that Node.js or a Miniflare with a Secrets Store is missing.
var errNotInstalled = errors.New("neither wrangler nor miniflare is installed here")

// job is the input of workerd.cjs.
type job struct {
	Dirs    []string          `json:"dirs"`
	Tmp     string            `json:"tmp"`
	Date    string            `json:"date,omitempty"`
	Flags   []string          `json:"flags"`
	Texts   map[string]string `json:"texts"`
	Modules []jobModule       `json:"modules"`
	Secrets []jobSecret       `json:"secrets"`
}

type jobModule struct {
	Type    string `json:"type"`
	Path    string `json:"path"`
	Content []byte `json:"content"` // in base64
}

type jobSecret struct {
	Binding string  `json:"binding"`
	StoreID string  `json:"store_id"`
	Name    string  `json:"name"`
	Value   *string `json:"value,omitempty"`
	Error   string  `json:"error,omitempty"` // why there is no value
}

// process is a Worker that runs in workerd.
type process struct {
	by    string // the package that workerd came with
	url   *url.URL
	tmp   string
	cmd   *exec.Cmd
	stdin io.Closer
	ended chan struct{}
}

// run starts a Worker. Its files, with the values in plain text, are in a folder that only
// this user can read, and that is removed when it stops.
func run(dirs []string, w Worker, secrets []jobSecret) (*process, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, errNotInstalled
	}
	j := job{Date: w.Date, Flags: append([]string{}, w.Flags...), Texts: w.Texts, Secrets: append([]jobSecret{}, secrets...)}
	for _, dir := range dirs {
		if dir, err = filepath.Abs(dir); err != nil {
			return nil, err
		}
		j.Dirs = append(j.Dirs, dir)
	}
	for _, m := range w.Modules {
		j.Modules = append(j.Modules, jobModule{m.Type, "/" + m.Name, m.Content})
	}
	if j.Tmp, err = os.MkdirTemp("", "secretsync-preview-"); err != nil { // mode 0700
		return nil, err
	}
	p, err := start(node, j)
	if err != nil {
		_ = os.RemoveAll(j.Tmp)
	}
	return p, err
}

func start(node string, j job) (*process, error) {
	input, err := json.Marshal(j)
	if err != nil {
		return nil, errors.New("the Worker cannot be passed to Node.js") // the error could quote a value
	}
	defer clear(input)
	cmd := exec.CommandContext(context.Background(), node, "-e", localdev.Finder()+program) // until stop
	cmd.Dir = j.Tmp
	cmd.Env = append(localdev.Environ(os.Environ()), "TMPDIR="+j.Tmp, "TEMP="+j.Tmp, "TMP="+j.Tmp)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, in := io.Pipe()
	cmd.Stdout, cmd.WaitDelay = in, stopTime
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting Node.js: %w", err)
	}
	p := &process{tmp: j.Tmp, cmd: cmd, stdin: stdin, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		_ = in.Close()
		close(p.ended)
	}()
	if _, err = stdin.Write(append(input, '\n')); err == nil {
		err = p.await(out)
	}
	if err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// await waits for workerd.cjs to answer, and discards all other output.
func (p *process) await(out *io.PipeReader) error {
	answered := make(chan []byte, 1)
	go func() {
		lines := bufio.NewReader(out)
		for {
			line, err := lines.ReadBytes('\n')
			if text, found := bytes.CutPrefix(line, []byte(answerMark)); found {
				answered <- text
			}
			if err != nil {
				close(answered)
				return
			}
		}
	}()
	select {
	case text := <-answered:
		return p.take(text)
	case <-time.After(startTime):
		return errors.New("workerd did not start in time")
	}
}

// take takes the answer of workerd.cjs.
func (p *process) take(text []byte) error {
	var a struct{ Error, By, Node, Cause, URL string }
	switch err := json.Unmarshal(text, &a); {
	case err != nil:
		return errors.New("there is no answer from Node.js")
	case a.Error == "missing", a.Error == "unsupported":
		return errNotInstalled
	case a.Error != "":
		return fmt.Errorf("%s could not run the Worker, on Node.js %s: %s", a.By, a.Node, a.Cause)
	}
	at, err := url.Parse(a.URL)
	if err != nil {
		return errors.New("there is no address from Node.js")
	}
	p.url, p.by = at, a.By
	return nil
}

// alive reports whether the process has not ended by itself.
func (p *process) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// stop stops the process, and removes its files.
func (p *process) stop() {
	_ = p.stdin.Close()
	select {
	case <-p.ended:
	case <-time.After(stopTime):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
	_ = os.RemoveAll(p.tmp)
}

// unreadLimit is how much of a request workerd reads and ignores after its Worker has answered.
const unreadLimit = 64 << 10

// proxy passes a request on to the Worker.
func (p *process) proxy(w http.ResponseWriter, r *http.Request) {
	proxy := httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.SetURL(p.url)
			// If a Worker answers without reading a large body, workerd closes the connection. So the connection
			// is not used again, and the body is sent only if there is no answer yet.
			pr.Out.Close = true
			if pr.Out.ContentLength > unreadLimit {
				pr.Out.Header.Set("Expect", "100-continue")
			}
			pr.Out.Header.Del("Accept-Encoding") // the transport decompresses the answer, so that faults damage its content
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			http.Error(w, "error code: 1101", http.StatusInternalServerError)
		},
	}
	proxy.ServeHTTP(w, r)
}
