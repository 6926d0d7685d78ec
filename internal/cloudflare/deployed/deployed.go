// Package deployed reads which deployed Workers, AI Gateways and container registries of an account
// use which secrets (docs/cloudflare-api.md §14).
package deployed

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/cloudflare"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/outside"
)

// What a token needs.
const (
	workersPermission    = "Workers Scripts Read"
	gatewayPermission    = "AI Gateway Read"
	containersPermission = "Workers Containers Read"
)

// bindingType is the type of a secret's binding.
const bindingType = "secrets_store_secret"

const (
	pageSize = 50 // Cloudflare does not document the most that it grants
	maxPages = 100
)

// API sends requests for an account.
type API interface {
	Call(context.Context, cloudflare.Call) error
}

// Read returns the Workers, gateways and registries of an account, including those without secrets. A
// Worker in before that was not deployed since keeps its bindings from before, and is not read again.
// The error joins the failures; the result has everything that could be read.
func Read(ctx context.Context, api API, before []outside.Reader) ([]outside.Reader, error) {
	r := &reading{ctx: ctx, api: api, before: map[string]outside.Reader{}}
	for _, b := range before {
		r.before[key(b)] = b
	}
	var wg sync.WaitGroup
	for _, part := range []func(){r.workers, r.dispatched, r.gateways, r.registries} {
		wg.Go(part)
	}
	wg.Wait()
	slices.SortFunc(r.found, func(x, y outside.Reader) int { return cmp.Compare(key(x), key(y)) })
	slices.SortFunc(r.failed, func(x, y error) int { return cmp.Compare(x.Error(), y.Error()) })
	return r.found, errors.Join(r.failed...)
}

func key(r outside.Reader) string { return string(r.Kind) + "\x00" + r.Namespace + "\x00" + r.Name }

// reading is one reading of an account.
type reading struct {
	ctx    context.Context
	api    API
	before map[string]outside.Reader

	mu     sync.Mutex
	found  []outside.Reader
	failed []error
}

func (r *reading) add(found outside.Reader) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.found = append(r.found, found)
}

// fail notes what could not be read.
func (r *reading) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = append(r.failed, err)
}

// script is a Worker in a list. Lists of a dispatch namespace nest it one level deeper.
type script struct {
	ID       string
	Modified string `json:"modified_on"`
	ETag     string
	Script   *script
}

func (s script) reader(kind planner.ReaderKind, namespace string) outside.Reader {
	found := outside.Reader{Kind: kind, Namespace: namespace, Name: s.ID, Modified: s.Modified, ETag: s.ETag}
	if in := s.Script; in != nil && found.Name == "" {
		found.Name, found.ETag = in.ID, in.ETag
		if found.Modified == "" {
			found.Modified = in.Modified
		}
	}
	return found
}

func (r *reading) workers() {
	scripts, err := list[script](r, "listing the Workers", workersPermission, "workers", "scripts")
	if err != nil {
		r.fail(err)
	}
	each(scripts, func(s script) {
		r.worker(s.reader(planner.ReaderDeployed, ""), "workers", "scripts", s.ID, "settings")
	})
}

func (r *reading) dispatched() {
	const op = "listing the dispatch namespaces"
	namespaces, err := list[struct {
		Name string `json:"namespace_name"`
	}](r, op, workersPermission, "workers", "dispatch", "namespaces")
	if err != nil {
		r.fail(err)
	}
	for _, n := range namespaces {
		path := []string{"workers", "dispatch", "namespaces", n.Name, "scripts"}
		scripts, err := list[script](r, fmt.Sprintf("listing the Workers of dispatch namespace %.64q", n.Name), workersPermission, path...)
		if err != nil {
			r.fail(err)
		}
		each(scripts, func(s script) {
			found := s.reader(planner.ReaderDispatched, n.Name)
			r.worker(found, append(slices.Clone(path), found.Name, "bindings")...)
		})
	}
}

// each calls do for all items, side by side: the client limits how many requests are under way.
func each[T any](items []T, do func(T)) {
	var wg sync.WaitGroup
	for _, item := range items {
		wg.Go(func() { do(item) })
	}
	wg.Wait()
}

// worker reads the bindings of a Worker, unless they are known.
func (r *reading) worker(found outside.Reader, path ...string) {
	if known, ok := r.before[key(found)]; ok && found.Modified != "" && known.Modified == found.Modified && known.ETag == found.ETag {
		r.add(known)
		return
	}
	var bindings []binding
	err := r.api.Call(r.ctx, cloudflare.Call{
		Op: fmt.Sprintf("reading the bindings of Worker %.64q", found.FullName()), Method: http.MethodGet, Path: path,
		Permission: workersPermission,
		Read: func(result, _ json.RawMessage) (ok bool) {
			bindings, ok = decodeBindings(result)
			return ok
		},
	})
	if errors.Is(err, applier.ErrNotFound) { // deleted since it was listed
		return
	}
	if err != nil {
		r.fail(err)
		return
	}
	for _, b := range bindings {
		if b.Type == bindingType && b.StoreID != "" && b.SecretName != "" {
			found.Uses = append(found.Uses, outside.Use{Binding: b.Name, Store: planner.StoreID(b.StoreID), Secret: b.SecretName})
		}
	}
	r.add(found)
}

type binding struct {
	Type, Name string
	StoreID    string `json:"store_id"`
	SecretName string `json:"secret_name"`
}

// decodeBindings reads settings with a list of bindings, or a list alone.
func decodeBindings(data json.RawMessage) ([]binding, bool) {
	var bare []binding
	if json.Unmarshal(data, &bare) == nil && bare != nil {
		return bare, true
	}
	var settings *struct{ Bindings []binding }
	if json.Unmarshal(data, &settings) != nil || settings == nil {
		return nil, false
	}
	return settings.Bindings, true
}

// gateway is an AI Gateway. A new one may have no store yet.
type gateway struct {
	ID      string
	StoreID string `json:"store_id"`
}

func (r *reading) gateways() {
	gateways, err := list[gateway](r, "listing the AI Gateways", gatewayPermission, "ai-gateway", "gateways")
	if err != nil {
		r.fail(err)
	}
	each(gateways, r.gateway)
}

// gateway reads which secrets a gateway sends to the providers that it is configured for.
func (r *reading) gateway(g gateway) {
	configs, err := list[struct {
		Provider string `json:"provider_slug"`
		SecretID string `json:"secret_id"`
	}](r, fmt.Sprintf("listing the provider configurations of AI Gateway %.64q", g.ID), gatewayPermission,
		"ai-gateway", "gateways", g.ID, "provider_configs")
	if err != nil {
		r.fail(err)
		if len(configs) == 0 {
			return
		}
	}
	found := outside.Reader{Kind: planner.ReaderGateway, Name: g.ID}
	for _, c := range configs {
		if c.SecretID != "" {
			found.Uses = append(found.Uses, outside.Use{Binding: c.Provider, Store: planner.StoreID(g.StoreID), ID: planner.SecretID(c.SecretID)})
		}
	}
	r.add(found)
}

// list reads all pages of a list. Only the list of gateways can have several. It may return some
// entries together with an error.
func list[T any](r *reading, op, permission string, path ...string) ([]T, error) {
	var all []T
	for n := 1; n <= maxPages; n++ {
		var entries []T
		total := len(all)
		call := cloudflare.Call{
			Op: op, Method: http.MethodGet, Path: path, Permission: permission,
			Read: func(result, info json.RawMessage) bool {
				var counted struct {
					Total *int `json:"total_count"`
				}
				if len(info) > 0 && json.Unmarshal(info, &counted) != nil {
					return false
				}
				if counted.Total != nil {
					total = *counted.Total
				}
				return json.Unmarshal(result, &entries) == nil && entries != nil
			},
		}
		paged := permission == gatewayPermission
		if paged {
			call.Query = url.Values{"page": {strconv.Itoa(n)}, "per_page": {strconv.Itoa(pageSize)}}
		}
		if err := r.api.Call(r.ctx, call); err != nil {
			return all, err
		}
		all = append(all, entries...)
		switch {
		case total <= len(all):
			return all, nil
		case !paged || len(entries) == 0: // to ask again would return the same
			return all, fmt.Errorf("%s: Cloudflare returned %d of %d", op, len(all), total)
		}
	}
	return all, fmt.Errorf("%s: the list did not end after %d pages", op, maxPages)
}
