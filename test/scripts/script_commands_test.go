package scripts

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/internal/sopsfile/sopstest"
	"github.com/secretsync/secretsync/test/program"
)

func restartEmulator(ts *testscript.TestScript, _ bool, args []string) {
	var opts emulator.Options
	var tokens []string
	for _, arg := range args {
		name, n, _ := strings.Cut(arg, "=")
		switch name {
		case "stores":
			opts.MaxStores = number(ts, n)
		case "secrets":
			opts.MaxSecrets = number(ts, n)
		case "page":
			opts.MaxPerPage = number(ts, n)
		case "pending":
			opts.PendingFor = time.Duration(number(ts, n)) * time.Millisecond
		case "activation-moves":
			opts.ActivationMoves = true
		case "deploy-moves":
			opts.DeployMoves = true
		case "audit-delay":
			opts.AuditDelay = time.Duration(number(ts, n)) * time.Millisecond
		case "keep-values":
			opts.KeepValues = true
		case "no-subdomain":
			opts.NoSubdomain = true
		case "token":
			tokens = append(tokens, n)
		default:
			ts.Fatalf("unknown option %s", name)
		}
	}
	valid, states, err := emulator.ParseTokens(tokens...)
	ts.Check(err)
	opts.Tokens, opts.TokenStates = valid, states
	e := ts.Value(serverKey{}).(*troubled)
	e.Stop()
	ts.Check(e.start(opts))
	ts.Setenv("CLOUDFLARE_API_BASE_URL", e.BaseURL())
}

// upon lets another program change files while secretsync waits for an answer.
func upon(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: upon METHOD NAME PROGRAM ARGS...")
	}
	e, dir := ts.Value(serverKey{}).(*troubled), ts.MkAbs(".")
	e.mu.Lock()
	defer e.mu.Unlock()
	e.upon[args[0]+" "+args[1]] = func() {
		cmd := exec.CommandContext(context.Background(), args[2], args[3:]...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		ts.Logf("upon %s %s: %v %v\n%s", args[0], args[1], args[2:], err, out)
	}
}

func countRequests(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: requests N [METHOD=N ...]")
	}
	seen := server(ts).Requests()
	server(ts).ResetRequests()
	methods := map[string]int{}
	for _, r := range seen {
		ts.Logf("%s %s %d", r.Method, r.Path, r.Status)
		methods[r.Method]++
	}
	if len(seen) != number(ts, args[0]) {
		ts.Fatalf("%d requests, want %s", len(seen), args[0])
	}
	for _, arg := range args[1:] {
		method, n, _ := strings.Cut(arg, "=")
		if methods[method] != number(ts, n) {
			ts.Fatalf("%d %s requests, want %s", methods[method], method, n)
		}
	}
}

// dashboard makes a colleague's change by hand: create STORE/SECRET VALUE, create-store
// STORE, update STORE/SECRET JSON, delete STORE/SECRET, delete-store STORE, deploy STORE/SECRET
// [[NAMESPACE/]WORKER] (a Worker that binds it), gateway STORE/SECRET GATEWAY (an AI Gateway that
// uses it), registry STORE/SECRET DOMAIN (a container registry that uses it).
func dashboard(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: dashboard VERB STORE[/SECRET] [TEXT]")
	}
	store, name, _ := strings.Cut(args[1], "/")
	c := colleague{ts}
	switch args[0] {
	case "create-store":
		c.send("POST", "/stores", map[string]any{"name": store})
	case "delete-store":
		c.send("DELETE", "/stores/"+c.id("/stores", store)+"?force=true", nil)
	case "create":
		c.send("POST", c.in(store), []any{map[string]any{"name": name, "value": args[2], "scopes": []string{"workers"}}})
	case "update":
		c.send("PATCH", c.in(store)+"/"+c.id(c.in(store), name), json.RawMessage(args[2]))
	case "deploy":
		c.deploy(c.id("/stores", store), name, append(args, "shop")[2])
	case "gateway":
		c.post("/ai-gateway/gateways", map[string]string{"id": args[2]})
		c.post("/ai-gateway/gateways/"+args[2]+"/provider_configs",
			map[string]string{"provider_slug": "openai", "secret_id": c.id(c.in(store), name)})
	case "registry":
		c.post("/containers/registries", map[string]any{"domain": args[2], "kind": "DockerHub", "auth": map[string]any{
			"public_credential": "me", "private_credential": map[string]string{"store_id": c.id("/stores", store), "secret_name": name},
		}})
	case "delete":
		c.send("DELETE", c.in(store)+"/"+c.id(c.in(store), name), nil)
	default:
		ts.Fatalf("unknown verb %s", args[0])
	}
	server(ts).ResetRequests()
}

// deploy deploys a Worker that binds a secret, as wrangler does.
func (c colleague) deploy(storeID, secret, worker string) {
	path := "/workers/scripts/" + worker
	if namespace, name, found := strings.Cut(worker, "/"); found {
		c.post("/workers/dispatch/namespaces", map[string]string{"name": namespace})
		path = "/workers/dispatch/namespaces/" + namespace + "/scripts/" + name
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	metadata, err := json.Marshal(map[string]any{"main_module": "index.js", "bindings": []any{
		map[string]any{"type": "secrets_store_secret", "name": "KEY", "store_id": storeID, "secret_name": secret},
	}})
	c.Check(err)
	c.Check(form.WriteField("metadata", string(metadata)))
	c.Check(form.Close())
	if status := c.request(http.MethodPut, path, "wrangler", form.FormDataContentType(), &body); status != http.StatusOK {
		c.Fatalf("deploying: %d", status)
	}
}

// post sends a request to another API than the Secrets Store's, whatever the answer.
func (c colleague) post(path string, body any) {
	data, err := json.Marshal(body)
	c.Check(err)
	c.request(http.MethodPost, path, "dashboard", "application/json", bytes.NewReader(data))
}

// request sends a request about the test account with a token, and returns the status of the answer.
func (c colleague) request(method, path, token, contentType string, body io.Reader) int {
	req, err := http.NewRequest(method, server(c.TestScript).BaseURL()+"/accounts/"+program.Account+path, body)
	c.Check(err)
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	c.Check(err)
	defer resp.Body.Close()
	return resp.StatusCode
}

type colleague struct{ *testscript.TestScript }

func (c colleague) in(store string) string { return "/stores/" + c.id("/stores", store) + "/secrets" }

func (c colleague) id(list, name string) string {
	id, err := program.FindID(server(c.TestScript).BaseURL(), list, name)
	c.Check(err)
	return id
}

func (c colleague) send(method, path string, body any) json.RawMessage {
	result, err := program.Send(server(c.TestScript).BaseURL(), method, path, body)
	c.Check(err)
	return result
}

func makeAgeKey(ts *testscript.TestScript, _ bool, args []string) {
	identity, err := age.GenerateX25519Identity()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(identity.String()+"\n"), 0o600))
	ts.Setenv("SOPS_AGE_KEY_FILE", ts.MkAbs(args[0]))
	ts.Setenv("AGE_IDENTITY_FILE", ts.MkAbs(args[0]))
	ts.Setenv("AGE_RECIPIENT", identity.Recipient().String())
}

// editSOPS does what the sops command line does to an encrypted file.
func editSOPS(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[1])
	data, err := os.ReadFile(path)
	ts.Check(err)
	name, identity := filepath.Base(path), ts.ReadFile(ts.Getenv("AGE_IDENTITY_FILE"))
	switch args[0] {
	case "set":
		data, err = sopstest.Set(name, data, identity, args[2], args[3])
	case "rotate":
		data, err = sopstest.Rotate(name, data, identity)
	case "updatekeys":
		another, errKey := age.GenerateX25519Identity()
		ts.Check(errKey)
		data, err = sopstest.AddRecipient(name, data, identity, another.Recipient().String())
	default:
		ts.Fatalf("unknown verb %s", args[0])
	}
	ts.Check(err)
	ts.Check(os.WriteFile(path, data, 0o600))
}

func encryptFile(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	plain, err := os.ReadFile(path)
	ts.Check(err)
	var regex string
	if len(args) > 1 {
		regex = args[1]
	}
	sealed, err := sopstest.Encrypt(filepath.Base(path), plain, regex, ts.Getenv("AGE_RECIPIENT"))
	ts.Check(err)
	ts.Check(os.WriteFile(path, sealed, 0o600))
}
