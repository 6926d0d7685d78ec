package cloudflare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/cloudflare/cloudflare-go/v4/secrets_store"
	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/planner"
)

const (
	base        = "/client/v4/accounts/" + account + "/secrets_store"
	storesPath  = base + "/stores"
	storePath   = storesPath + "/" + storeID
	secretsPath = storePath + "/secrets"
	secretPath  = secretsPath + "/" + id1
)

// Every method: what it sends, and how it reads the answer.
func TestRequests(t *testing.T) {
	live := planner.LiveSecret{
		ID: id1, Name: "a", Scopes: []string{"workers"}, Status: "pending",
		Created: "2026-11-23T12:00:00.000001Z", Modified: "2026-11-23T12:00:00.000002Z",
	}
	live2 := live
	live2.ID, live2.Name = id2, "b"
	type call = func(context.Context, *Client) (any, error)
	tests := []struct {
		name               string
		call               call
		reply              reply
		method, path, body string
		want               any
	}{
		{
			"list stores", func(ctx context.Context, c *Client) (any, error) { return c.ListStores(ctx) },
			ok(`[{"id":"` + storeID + `","name":"prod"}],"result_info":{"total_count":1}`),
			"GET", storesPath, "",
			[]planner.LiveStore{{Key: planner.StoreKey{Account: account, Name: "prod"}, ID: storeID}},
		},
		{
			"list secrets", func(ctx context.Context, c *Client) (any, error) { return c.ListSecrets(ctx, storeID) },
			ok(`[` + secretJSON(id1, "a") + `,{"id":"` + id2 + `","name":"gone","status":"deleted"}],"result_info":{"total_count":2}`),
			"GET", secretsPath, "",
			[]planner.LiveSecret{live},
		},
		{
			"create store", func(ctx context.Context, c *Client) (any, error) { return c.CreateStore(ctx, "prod") },
			ok(`{"id":"` + storeID + `","name":"prod"}`),
			"POST", storesPath, `{"name":"prod"}`, planner.StoreID(storeID),
		},
		{
			"create secrets, answered in another order",
			func(ctx context.Context, c *Client) (any, error) {
				b := item("b", "2")
				b.Comment = ptr("B")
				return c.CreateSecrets(ctx, storeID, []applier.NewSecret{item("a", "1"), b}, nil)
			},
			ok(`[` + secretJSON(id2, "b") + `,` + secretJSON(id1, "a") + `]`),
			"POST", secretsPath,
			`[{"name":"a","value":"1","scopes":["workers"]},{"name":"b","value":"2","scopes":["workers"],"comment":"B"}]`,
			[]planner.LiveSecret{live, live2},
		},
		{
			"update all", func(ctx context.Context, c *Client) (any, error) {
				return c.UpdateSecret(ctx, storeID, id1, applier.Patch{
					Value: secret.New([]byte("v")), Scopes: []string{"workers", "ai_gateway"}, Comment: ptr(""),
				})
			},
			ok(secretJSON(id1, "a")),
			"PATCH", secretPath, `{"value":"v","scopes":["workers","ai_gateway"],"comment":""}`, live,
		},
		{
			"update a comment alone", func(ctx context.Context, c *Client) (any, error) {
				return c.UpdateSecret(ctx, storeID, id1, applier.Patch{Comment: ptr("new")})
			},
			ok(secretJSON(id1, "a")),
			"PATCH", secretPath, `{"comment":"new"}`, live,
		},
		{
			"duplicate", func(ctx context.Context, c *Client) (any, error) {
				return c.DuplicateSecret(ctx, storeID, id1, applier.Duplicate{Name: "b", Scopes: []string{"workers"}, Comment: ptr("copy")}, nil)
			},
			ok(secretJSON(id2, "b")),
			"POST", secretPath + "/duplicate", `{"name":"b","scopes":["workers"],"comment":"copy"}`, live2,
		},
		{
			"delete secret", func(ctx context.Context, c *Client) (any, error) { return nil, c.DeleteSecret(ctx, storeID, id1) },
			ok(`null`), "DELETE", secretPath, "", nil,
		},
		{
			"delete a secret that is gone", func(ctx context.Context, c *Client) (any, error) { return nil, c.DeleteSecret(ctx, storeID, id1) },
			refusal(404, 1001, "secret_not_found"), "DELETE", secretPath, "", nil,
		},
		{
			"delete store", func(ctx context.Context, c *Client) (any, error) { return nil, c.DeleteStore(ctx, storeID) },
			ok(`null`), "DELETE", storePath, "", nil,
		},
		{
			"quota", func(ctx context.Context, c *Client) (any, error) {
				usage, quota, err := c.GetQuota(ctx)
				return []int{usage, quota}, err
			},
			ok(`{"secrets":{"quota":100,"usage":7}}`), "GET", base + "/quota", "", []int{7, 100},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := replies(tt.reply)
			got, err := tt.call(t.Context(), newClient(t, s, func(c *Config) { c.UserAgent = "secretsync/test" }))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			if len(s.sent) != 1 {
				t.Fatalf("%d requests, want 1", len(s.sent))
			}
			r := s.sent[0]
			if diff := cmp.Diff([]string{tt.method, tt.path, tt.body}, []string{r.method, r.path, r.body}); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
			if r.length != int64(len(tt.body)) {
				t.Errorf("Content-Length %d, want %d", r.length, len(tt.body))
			}
			if got := r.header.Get("Authorization"); got != "Bearer "+token {
				t.Errorf("Authorization %q", got)
			}
			if got := r.header.Get("User-Agent"); got != "secretsync/test" {
				t.Errorf("User-Agent %q", got)
			}
			if strings.Contains(r.query, "force") {
				t.Errorf("query %q: a store must never be deleted with its secrets", r.query)
			}
		})
	}
}

// A real server decodes the value byte for byte.
func TestValuesArriveByteExact(t *testing.T) {
	values := map[string]string{
		"quotes":       `he said "no\yes"`,
		"line-ends":    "a\r\nb\n\n",
		"controls":     "\x00\x01\x08\x0b\x1f\x7f",
		"binary-ish":   "\u0080\u00ff\ufffd\ufffe",
		"emoji":        "🔑👩‍👩‍👧",
		"separators":   "a\u2028b\u2029c",
		"html":         "<script>&amp;</script>",
		"largest":      strings.Repeat("x\n", 32768),
		"blank":        " \t ",
		"looks-quoted": `\u0041\n`,
	}
	got := map[string]string{}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var items []struct{ Name, Value string }
		if err := json.NewDecoder(r.Body).Decode(&items); err != nil {
			t.Error(err)
		}
		var created []string
		for i, it := range items {
			got[it.Name] = it.Value
			created = append(created, secretJSON(fmt.Sprintf("%032d", i), it.Name))
		}
		_, _ = io.WriteString(w, ok("["+strings.Join(created, ",")+"]").body)
	})
	var items []applier.NewSecret
	for name, v := range values {
		items = append(items, item(name, v))
	}
	if _, err := c.CreateSecrets(t.Context(), storeID, items, nil); err != nil {
		t.Fatal(err)
	}
	for name, want := range values {
		if got[name] != want {
			t.Errorf("%s arrived changed", name)
		}
	}
	for _, it := range items {
		if string(it.Value.Reveal()) != values[it.Name] {
			t.Errorf("%s: the caller's value was changed", it.Name)
		}
	}
}

func TestRefusedBeforeAnyRequest(t *testing.T) {
	bad := []byte("canary\xff\xfe")
	tests := map[string]struct {
		call func(*Client) error
		is   error
	}{
		"store id that climbs": {call: func(c *Client) error { _, err := c.ListSecrets(t.Context(), "../../zones"); return err }},
		"store id with slash":  {call: func(c *Client) error { return c.DeleteStore(t.Context(), "a/b") }},
		"store id to create in": {call: func(c *Client) error {
			_, err := c.CreateSecrets(t.Context(), "..", []applier.NewSecret{item("a", "1")}, nil)
			return err
		}},
		"secret id that climbs": {call: func(c *Client) error { return c.DeleteSecret(t.Context(), storeID, "../../..") }},
		"secret id escaped":     {call: func(c *Client) error { return c.DeleteSecret(t.Context(), storeID, "..%2f..") }},
		"empty secret id":       {call: func(c *Client) error { return c.DeleteSecret(t.Context(), storeID, "") }},
		"secret id with query": {call: func(c *Client) error {
			_, err := c.UpdateSecret(t.Context(), storeID, "a?force=true", applier.Patch{Comment: ptr("")})
			return err
		}},
		"secret id to duplicate": {call: func(c *Client) error {
			_, err := c.DuplicateSecret(t.Context(), storeID, "a#b", applier.Duplicate{Name: "n"}, nil)
			return err
		}},
		"value to create": {is: applier.ErrInvalid, call: func(c *Client) error {
			_, err := c.CreateSecrets(t.Context(), storeID, []applier.NewSecret{item("a", "1"), {Name: "b", Value: secret.New(bad)}}, nil)
			return err
		}},
		"value to update": {is: applier.ErrInvalid, call: func(c *Client) error {
			_, err := c.UpdateSecret(t.Context(), storeID, id1, applier.Patch{Value: secret.New(bad)})
			return err
		}},
		"surrogates": {is: applier.ErrInvalid, call: func(c *Client) error {
			_, err := c.CreateSecrets(t.Context(), storeID, []applier.NewSecret{item("a", "canary\xed\xa0\x80")}, nil)
			return err
		}},
		"no value": {call: func(c *Client) error {
			_, err := c.CreateSecrets(t.Context(), storeID, make([]applier.NewSecret, 1), nil)
			return err
		}},
		"empty patch": {call: func(c *Client) error {
			_, err := c.UpdateSecret(t.Context(), storeID, id1, applier.Patch{})
			return err
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := replies(ok(`null`))
			err := tt.call(newClient(t, s))
			if err == nil || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("error %v, want one that is %v", err, tt.is)
			}
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Error("the error quotes the value")
			}
			if len(s.sent) > 0 {
				t.Errorf("sent %s %s", s.sent[0].method, s.sent[0].path)
			}
		})
	}
}

func TestWhatTheSDKCannotBuildIsNotSent(t *testing.T) {
	s := replies(ok(`null`))
	c := newClient(t, s)
	r := &request{op: "deleting a store"}
	_, r.err = c.stores.Delete(t.Context(), "", secrets_store.StoreDeleteParams{}, r.options()...)
	err := c.do(t.Context(), r)
	if err == nil || !strings.HasPrefix(err.Error(), "deleting a store: the request could not be built: ") || len(s.sent) != 0 {
		t.Errorf("%d requests, error %v", len(s.sent), err)
	}
}

func TestNothingToCreateSendsNothing(t *testing.T) {
	s := replies(ok(`[]`))
	if created, err := newClient(t, s).CreateSecrets(t.Context(), storeID, nil, nil); len(created) != 0 || err != nil || len(s.sent) != 0 {
		t.Errorf("created %v, error %v, %d requests", created, err, len(s.sent))
	}
}

// Under the race detector: the options of concurrent calls must not mix.
func TestClientIsSafeForConcurrentUse(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var p struct{ Comment string }
		_ = json.NewDecoder(r.Body).Decode(&p)
		id := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		_, _ = io.WriteString(w, ok(secretJSON(id, p.Comment)).body)
	}, func(c *Config) { c.UserAgent = "secretsync/test" }) // one more option, so that append leaves spare room
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			id := planner.SecretID(fmt.Sprintf("%032d", i))
			live, err := c.UpdateSecret(t.Context(), storeID, id, applier.Patch{Comment: ptr(fmt.Sprint("c", i))})
			if err != nil || live.ID != id || live.Name != fmt.Sprint("c", i) {
				t.Errorf("%d: %+v, %v", i, live, err)
			}
		})
	}
	wg.Wait()
}
