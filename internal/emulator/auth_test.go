package emulator_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

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
	got, err := emulator.ParseTokens("a=Secrets Store Read, workers scripts EDIT", "b=")
	want := map[string][]emulator.Permission{"a": {emulator.SecretsStoreRead, emulator.WorkersScriptsEdit}, "b": nil}
	if err != nil || !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	for text, want := range map[string]string{
		"a": "TOKEN=PERMISSION", "=Secrets Store Read": "TOKEN=PERMISSION", "a=Secrets Store": "Account Settings Read",
	} {
		if _, err := emulator.ParseTokens(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
