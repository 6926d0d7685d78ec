package deployed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/cloudflare"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/outside"
)

// api is an account: the answers to the paths that exist.
type api struct {
	mu      sync.Mutex
	answers map[string]string // JSON, after "!" an error
	calls   []string
}

func (a *api) Call(_ context.Context, call cloudflare.Call) error {
	path := strings.Join(call.Path, "/")
	a.mu.Lock()
	a.calls = append(a.calls, path)
	a.mu.Unlock()
	answer, found := a.answers[path]
	if page := call.Query.Get("page"); page != "" && page != "1" {
		answer, found = a.answers[path+"?"+page]
	}
	switch reason, failed := strings.CutPrefix(answer, "!"); {
	case !found:
		return fmt.Errorf("%s: %w", call.Op, applier.ErrNotFound)
	case failed:
		return fmt.Errorf("%s: %s %s", call.Op, reason, call.Permission)
	}
	result, info, _ := strings.Cut(answer, "#")
	if !call.Read(json.RawMessage(result), json.RawMessage(info)) {
		return errors.New(call.Op + ": not understood")
	}
	return nil
}

func account() *api {
	return &api{answers: map[string]string{
		"workers/scripts": `[{"id":"api","modified_on":"2026-11-20T12:00:00Z","etag":"e1"},{"id":"idle","modified_on":"2026-11-20T12:00:00Z","etag":"e2"},{"id":"gone","modified_on":"m"}]`,
		"workers/scripts/api/settings": `{"bindings":[{"type":"plain_text","name":"X","text":"x"},
			{"type":"secrets_store_secret","name":"KEY","store_id":"st","secret_name":"key"},{"type":"secrets_store_secret","name":"BAD"}]}`,
		"workers/scripts/idle/settings":                            `{}`,
		"workers/dispatch/namespaces":                              `[{"namespace_name":"customers"},{"namespace_name":"empty"}]`,
		"workers/dispatch/namespaces/customers/scripts":            `[{"script":{"id":"a","etag":"e3"},"modified_on":"2026-11-20T12:00:00Z"}]`,
		"workers/dispatch/namespaces/customers/scripts/a/bindings": `[{"type":"secrets_store_secret","name":"TOKEN","store_id":"st","secret_name":"token"}]`,
		"workers/dispatch/namespaces/empty/scripts":                `[]`,
		"ai-gateway/gateways":                                      `[{"id":"chat","store_id":"st"}]#{"total_count":2}`,
		"ai-gateway/gateways?2":                                    `[{"id":"bare","store_id":null}]#{"total_count":2}`,
		"ai-gateway/gateways/chat/provider_configs":                `[{"provider_slug":"openai","secret_id":"s1"},{"provider_slug":"local"}]`,
		"ai-gateway/gateways/bare/provider_configs":                `[]`,
		"containers/registries": `[{"domain":"hub.example","kind":"DockerHub","public_key":"me","private_credential":{"store_id":"st","secret_name":"hub"}},
			{"domain":"managed.example","kind":"default","public_key":"k"},{"domain":"public.example","kind":"DockerHub"}]`,
	}}
}

var all = []outside.Reader{
	{Kind: planner.ReaderGateway, Name: "bare"},
	{Kind: planner.ReaderGateway, Name: "chat", Uses: []outside.Use{{Binding: "openai", Store: "st", ID: "s1"}}},
	{Kind: planner.ReaderRegistry, Name: "hub.example", Uses: []outside.Use{{Store: "st", Secret: "hub"}}},
	{Kind: planner.ReaderRegistry, Name: "managed.example"},
	{Kind: planner.ReaderRegistry, Name: "public.example"},
	{Kind: planner.ReaderDeployed, Name: "api", Modified: "2026-11-20T12:00:00Z", ETag: "e1", Uses: []outside.Use{{Binding: "KEY", Store: "st", Secret: "key"}}},
	{Kind: planner.ReaderDeployed, Name: "idle", Modified: "2026-11-20T12:00:00Z", ETag: "e2"},
	{Kind: planner.ReaderDispatched, Namespace: "customers", Name: "a", Modified: "2026-11-20T12:00:00Z", ETag: "e3", Uses: []outside.Use{{Binding: "TOKEN", Store: "st", Secret: "token"}}},
}

// TestRead: everything that reads secrets is found. A second reading requests only the bindings of
// Workers that were deployed since.
func TestRead(t *testing.T) {
	a := account()
	found, err := Read(t.Context(), a, nil)
	if diff := cmp.Diff(all, found); err != nil || diff != "" {
		t.Errorf("%v; -want +got:\n%s", err, diff)
	}
	a.answers["workers/scripts"] = strings.Replace(a.answers["workers/scripts"], `12:00:00Z","etag":"e2"`, `13:00:00Z","etag":"e2"`, 1)
	a.calls = nil
	again, err := Read(t.Context(), a, found)
	if err != nil || len(again) != len(all) {
		t.Errorf("the second time: %v, %v", again, err)
	}
	slices.Sort(a.calls)
	want := []string{
		"ai-gateway/gateways", "ai-gateway/gateways", "ai-gateway/gateways/bare/provider_configs", "ai-gateway/gateways/chat/provider_configs",
		"containers/registries",
		"workers/dispatch/namespaces", "workers/dispatch/namespaces/customers/scripts", "workers/dispatch/namespaces/empty/scripts",
		"workers/scripts", "workers/scripts/gone/settings", "workers/scripts/idle/settings",
	}
	if diff := cmp.Diff(want, a.calls); diff != "" {
		t.Errorf("requests, -want +got:\n%s", diff)
	}
}

// TestUnread: what cannot be read is named, and everything else is found.
func TestUnread(t *testing.T) {
	for path := range account().answers {
		if strings.Contains(path, "?") {
			continue
		}
		for _, answer := range []string{"!no", `"odd"`, `{"bindings":7}`, `null`} {
			a := account()
			a.answers[path] = answer
			found, err := Read(t.Context(), a, nil)
			if err == nil || len(found) == len(all) && !strings.Contains(path, "/empty/") {
				t.Errorf("%s is %s: %d readers, %v", path, answer, len(found), err)
			}
			if answer == "!no" && !strings.Contains(err.Error(), "Read") {
				t.Errorf("%s is refused: no permission is named in %v", path, err)
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(account().answers)) {
		a := account()
		delete(a.answers, path)
		_, err := Read(t.Context(), a, nil)
		gone := strings.HasSuffix(path, "settings") || strings.HasSuffix(path, "bindings") || path == "containers/registries"
		if (err == nil) != gone {
			t.Errorf("without %s: %v", path, err)
		}
	}
}

// TestCutList: if a list has fewer entries than it counts, they are read once, and the missing ones do
// not count as absent.
func TestCutList(t *testing.T) {
	for _, path := range []string{
		"workers/scripts", "workers/dispatch/namespaces", "workers/dispatch/namespaces/customers/scripts", "ai-gateway/gateways",
		"containers/registries",
	} {
		a := account()
		answer, _, _ := strings.Cut(a.answers[path], "#")
		a.answers[path] = answer + `#{"total_count":600}`
		if path == "ai-gateway/gateways" {
			a.answers[path+"?2"], a.answers[path+"?3"] = `[{"id":"bare"}]#{"total_count":600}`, `[]#{"total_count":600}`
		}
		found, err := Read(t.Context(), a, nil)
		if err == nil || !strings.Contains(err.Error(), " of 600") {
			t.Errorf("%s: %v", path, err)
		}
		if diff := cmp.Diff(all, found); diff != "" {
			t.Errorf("%s, -want +got:\n%s", path, diff)
		}
	}
}

// TestUnnamedCredential: a registry has a credential in a store, but the answer does not name the
// secret. The registry does not count as one without a secret, and the unexpected text is not shown.
func TestUnnamedCredential(t *testing.T) {
	for _, entry := range []string{
		`"kind":"ECR","public_key":"AKIA"`, `"kind":"Later","public_key":"me","private_credential":null`,
		`"kind":"ECR","public_key":"AKIA","private_credential":"hunter2"`, `"private_credential":{"store_id":"hunter2"}`,
		`"private_credential":{"secret_name":"hunter2"}`, `"private_credential":["hunter2"]`, `"private_credential":{"store_id":"st","secret_name":7}`,
	} {
		a := account()
		a.answers["containers/registries"] = `[{"domain":"odd.example",` + entry + `},` + a.answers["containers/registries"][1:]
		found, err := Read(t.Context(), a, nil)
		if err == nil || err.Error() != `container registry "odd.example": Cloudflare does not say which secret it uses` {
			t.Errorf("%s: %v", entry, err)
		}
		if want := len(all) + 1; len(found) != want {
			t.Errorf("%s: %d readers, want %d", entry, len(found), want)
		}
	}
}
