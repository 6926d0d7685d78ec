package emulator_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/emulator"
)

// TestPermissionGroups: every path is guarded by its own permissions, which are checked
// before anything else. Reading is included in writing.
func TestPermissionGroups(t *testing.T) {
	for _, tt := range []struct {
		method, path string
		want         []emulator.Permission
	}{
		{"GET", "secrets_store/stores", []emulator.Permission{emulator.SecretsStoreRead, emulator.SecretsStoreWrite}},
		{"POST", "secrets_store/stores", []emulator.Permission{emulator.SecretsStoreWrite}},
		{"GET", "workers/scripts", []emulator.Permission{emulator.WorkersScriptsRead, emulator.WorkersScriptsEdit}},
		{"GET", "workers/subdomain", []emulator.Permission{emulator.WorkersScriptsRead, emulator.WorkersScriptsEdit}},
		{"GET", "workers/dispatch/namespaces", []emulator.Permission{emulator.WorkersScriptsRead, emulator.WorkersScriptsEdit}},
		{"GET", "workers/subdomain/edge-preview", []emulator.Permission{emulator.WorkersScriptsEdit}},
		{"POST", "workers/scripts/shop/edge-preview", []emulator.Permission{emulator.WorkersScriptsEdit}},
		{"PUT", "workers/scripts/shop", []emulator.Permission{emulator.WorkersScriptsEdit}},
		{"GET", "ai-gateway/gateways", []emulator.Permission{emulator.AIGatewayRead, emulator.AIGatewayEdit}},
		{"POST", "ai-gateway/gateways/g/provider_configs", []emulator.Permission{emulator.AIGatewayEdit}},
		{"GET", "containers/registries", []emulator.Permission{emulator.ContainersRead, emulator.ContainersWrite}},
		{"POST", "containers/registries", []emulator.Permission{emulator.ContainersWrite}},
		{"GET", "logs/audit", []emulator.Permission{emulator.AccountSettingsRead}},
		{"POST", "logs/audit", nil},
		{"GET", "pages/projects", emulator.Permissions()},
	} {
		for _, p := range emulator.Permissions() {
			s := newServer(t, emulator.Options{Tokens: map[string][]emulator.Permission{"t": {p}}})
			r := httptest.NewRequest(tt.method, "http://localhost/client/v4/accounts/"+account+"/"+tt.path, http.NoBody)
			r.Header.Set("Authorization", "Bearer t")
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			allowed := w.Code != http.StatusForbidden
			if !allowed && !strings.Contains(w.Body.String(), "10000") {
				t.Errorf("%s %s with %q: %s", tt.method, tt.path, p, w.Body)
			}
			if want := slices.Contains(tt.want, p); allowed != want {
				t.Errorf("%s %s with %q: allowed %v, want %v", tt.method, tt.path, p, allowed, want)
			}
		}
	}
}

// TestBindingPermissions: binding a secret needs the permission to edit it, and its scope.
func TestBindingPermissions(t *testing.T) {
	workers := []emulator.Permission{emulator.SecretsStoreRead, emulator.WorkersScriptsEdit}
	c, server := newClient(t, emulator.Options{Tokens: map[string][]emulator.Permission{
		"t": append(workers, emulator.SecretsStoreWrite), "reader": workers,
	}})
	c.token = "t"
	id := c.newStore("prod")
	c.newSecret(id, "one", "1")
	get[any](c, "POST", "/stores/"+id+"/secrets", []any{with(item("two", "2"), "scopes", []string{"ai_gateway"})})
	for _, tt := range []struct {
		token, secret string
		status        int
	}{{"t", "one", 200}, {"t", "two", 403}, {"reader", "one", 403}} {
		metadata := fmt.Sprintf(`{"bindings":[{"type":"secrets_store_secret","name":"KEY","store_id":%q,"secret_name":%q}]}`, id, tt.secret)
		status, text := deploy(t, server, tt.token, metadata)
		if status != tt.status || strings.Contains(text, "10021") != (status != 200) {
			t.Errorf("%s binds %s: %d %s", tt.token, tt.secret, status, text)
		}
	}
	if status, text := deploy(t, server, "reader", "{}"); status != 200 {
		t.Errorf("a Worker without secrets: %d %s", status, text)
	}
}

func TestParseTokens(t *testing.T) {
	got, states, err := emulator.ParseTokens("a=Secrets Store Read, workers scripts EDIT", "b=", "c=disabled, expires=2026-12-01T00:00:00Z")
	want := map[string][]emulator.Permission{"a": {emulator.SecretsStoreRead, emulator.WorkersScriptsEdit}, "b": nil, "c": nil}
	if err != nil || !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	if end := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC); states["c"] != (emulator.TokenState{Disabled: true, Expires: end}) {
		t.Errorf("c: %+v", states["c"])
	}
	for text, want := range map[string]string{
		"a": "TOKEN=PERMISSION", "=Secrets Store Read": "TOKEN=PERMISSION", "a=Secrets Store": "Account Settings Read",
		"a=expires=soon": "parsing time", "a=account=x": "not the id of an account",
	} {
		if _, _, err := emulator.ParseTokens(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestVerifyToken: what the two endpoints answer about their own token, and that one which has
// ended permits nothing else.
func TestVerifyToken(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	o := emulator.Options{
		Now: func() time.Time { return now },
		Tokens: map[string][]emulator.Permission{
			"user": emulator.Permissions(), "disabled": emulator.Permissions(), "expired": emulator.Permissions(), "early": emulator.Permissions(),
			"owned": emulator.Permissions(), "cfat_1": emulator.Permissions(),
		},
		TokenStates: map[string]emulator.TokenState{
			"user": {Expires: now.Add(time.Second)}, "disabled": {Disabled: true}, "expired": {Expires: now}, "early": {NotBefore: now.Add(1)},
			"owned": {Account: account},
		},
	}
	s := newServer(t, o)
	ask := func(path, token string) (int, string) {
		r := httptest.NewRequest("GET", "http://localhost/client/v4/"+path, http.NoBody)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	const other = "ffffffffffffffffffffffffffffffff"
	for _, tt := range []struct {
		path, token, want string
		status            int
		stores            int // the status of listing the stores of the account
	}{
		{"user", "user", `"status":"active","expires_on":"2026-11-27T12:00:01Z"`, 200, 200},
		{"user", "user", `"code":10000,"message":"This API Token is valid and active","type":null`, 200, 200},
		{"accounts/" + account, "user", "Invalid API Token", 401, 200},
		{"user", "disabled", `"status":"disabled"`, 200, 403},
		{"user", "expired", `"status":"expired"`, 200, 403},
		{"user", "early", `"not_before"`, 200, 403},
		{"user", "unknown", "Invalid API Token", 401, 401},
		{"user", "", "Missing", 400, 401},
		{"user", "owned", "Invalid API Token", 401, 200},
		{"accounts/" + account, "owned", `"status":"active"`, 200, 200},
		{"accounts/" + other, "owned", "Invalid API Token", 401, 200},
		{"user", "cfat_1", "Invalid API Token", 401, 200},
		{"accounts/" + account, "cfat_1", `"status":"active"`, 200, 200},
	} {
		if status, text := ask(tt.path+"/tokens/verify", tt.token); status != tt.status || !strings.Contains(text, tt.want) {
			t.Errorf("%s, %q: %d %s", tt.path, tt.token, status, text)
		}
		if status, text := ask("accounts/"+account+"/secrets_store/stores", tt.token); status != tt.stores {
			t.Errorf("the stores, %q: %d %s", tt.token, status, text)
		}
	}
	if status, text := ask("accounts/"+other+"/secrets_store/stores", "owned"); status != 403 {
		t.Errorf("another account's stores: %d %s", status, text)
	}
}
