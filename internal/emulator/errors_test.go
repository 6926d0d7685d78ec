package emulator_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/emulator"
)

// TestErrors goes through docs/cloudflare-api.md §6. A refused request changes nothing.
func TestErrors(t *testing.T) {
	c, _ := newClient(t, emulator.Options{MaxSecrets: 2})
	id := c.newStore("prod")
	secrets := "/stores/" + id + "/secrets"
	one := c.newSecret(id, "one", "1")
	missing := strings.Repeat("f", 32)
	good := item("two", "2")
	duplicate := map[string]any{"name": "copy", "scopes": []string{"workers"}}
	for _, tt := range []struct {
		what, method, path string
		body               any
		want               string
	}{
		{"object as secrets", "POST", secrets, good, "400 1001 invalid_json_body"},
		{"no secrets", "POST", secrets, "[]", "400 1001 invalid_json_body"},
		{"null as secrets", "POST", secrets, "null", "400 1001 invalid_json_body"},
		{"no body", "POST", secrets, nil, "400 1001 invalid_json_body"},
		{"more than a body", "POST", secrets, "[][]", "400 1001 invalid_json_body"},
		{"not UTF-8", "POST", secrets, `[{"name":"two","scopes":["workers"],"value":"` + "\xff" + `"}]`, "400 1001 invalid_json_body"},
		{"a number as value", "POST", secrets, []any{with(good, "value", 7)}, "400 1001 invalid_json_body"},
		{"no value", "POST", secrets, []any{with(good, "value", nil)}, "400 1001 invalid_json_body"},
		{"no name", "POST", secrets, []any{with(good, "name", nil)}, "400 1001 secret_name_empty"},
		{"empty name", "POST", secrets, []any{with(good, "name", "")}, "400 1001 secret_name_empty"},
		{"dot in name", "POST", secrets, []any{with(good, "name", "a.b")}, "400 1001 invalid_secret_name"},
		{"percent in name", "POST", secrets, []any{with(good, "name", "a%b")}, "400 1001 invalid_secret_name"},
		{"space in name", "POST", secrets, []any{with(good, "name", "a b")}, "400 1001 invalid_secret_name"},
		{"newline after name", "POST", secrets, []any{with(good, "name", "a\n")}, "400 1001 invalid_secret_name"},
		{"bracket in name", "POST", secrets, []any{with(good, "name", "a[b")}, "400 1001 invalid_secret_name"},
		{"no scopes", "POST", secrets, []any{with(good, "scopes", nil)}, "400 1001 secret_scopes_empty"},
		{"empty scopes", "POST", secrets, []any{with(good, "scopes", []string{})}, "400 1001 secret_scopes_empty"},
		{"unknown scope", "POST", secrets, []any{with(good, "scopes", []string{"workers", "Workers"})}, "400 1001 secret_scope_invalid"},
		{"long value", "POST", secrets, []any{item("two", strings.Repeat("é", 32768)+"x")}, "400 1001 secret_value_too_long"},
		{"name in use", "POST", secrets, []any{item("one", "2")}, "400 1003 secret_name_already_exists: one"},
		{"name twice", "POST", secrets, []any{good, good}, "400 1003 secret_name_already_exists: two"},
		{"too many", "POST", secrets, []any{good, item("three", "3")}, "400 1003 maximum_secrets_exceeded: max 2"},
		{"no such store", "POST", "/stores/" + missing + "/secrets", []any{good}, "404 1001 store_not_found"},

		{"patch a missing one", "PATCH", secrets + "/" + missing, "{}", "404 1001 secret_not_found"},
		{"patch in a missing store", "PATCH", "/stores/" + missing + "/secrets/" + one.ID, "{}", "404 1001 store_not_found"},
		{"array as patch", "PATCH", secrets + "/" + one.ID, "[{}]", "400 1001 invalid_json_body"},
		{"null as patch", "PATCH", secrets + "/" + one.ID, "null", "400 1001 invalid_json_body"},
		{"patch with an unknown scope", "PATCH", secrets + "/" + one.ID, `{"scopes":["x"],"comment":"new"}`, "400 1001 secret_scope_invalid"},
		{"patch with no scope", "PATCH", secrets + "/" + one.ID, `{"scopes":[],"comment":"new"}`, "400 1001 secret_scopes_empty"},
		{"patch with a long value", "PATCH", secrets + "/" + one.ID, map[string]any{"comment": "new", "value": strings.Repeat("x", 65537)}, "400 1001 secret_value_too_long"},

		{"duplicate a missing one", "POST", secrets + "/" + missing + "/duplicate", duplicate, "404 1001 secret_not_found"},
		{"duplicate without a name", "POST", secrets + "/" + one.ID + "/duplicate", with(duplicate, "name", ""), "400 1001 secret_name_empty"},
		{"duplicate onto itself", "POST", secrets + "/" + one.ID + "/duplicate", with(duplicate, "name", "one"), "400 1003 secret_name_already_exists: one"},
		{"duplicate without scopes", "POST", secrets + "/" + one.ID + "/duplicate", with(duplicate, "scopes", []string{}), "400 1001 secret_scopes_empty"},
		{"duplicate with an unknown scope", "POST", secrets + "/" + one.ID + "/duplicate", with(duplicate, "scopes", []string{"x"}), "400 1001 secret_scope_invalid"},

		{"get a missing one", "GET", secrets + "/" + missing, nil, "404 1001 secret_not_found"},
		{"delete a missing one", "DELETE", secrets + "/" + missing, nil, "404 1001 secret_not_found"},
		{"list a missing store", "GET", "/stores/" + missing + "/secrets", nil, "404 1001 store_not_found"},
		{"get a missing store", "GET", "/stores/" + missing, nil, "404 1001 store_not_found"},
		{"delete a missing store", "DELETE", "/stores/" + missing, nil, "404 1001 store_not_found"},
		{"delete a full store", "DELETE", "/stores/" + id, nil, "409 1003 store_not_empty"},
		{"delete a full store by half", "DELETE", "/stores/" + id + "?force=false", nil, "409 1003 store_not_empty"},
		{"bulk delete without a body", "DELETE", secrets, nil, "400 1001 invalid_json_body"},
		{"bulk delete of names", "DELETE", secrets, `["one"]`, "400 1001 invalid_json_body"},
		{"bulk delete of an object", "DELETE", secrets, map[string]string{"id": one.ID}, "400 1001 invalid_json_body"},
		{"bulk delete without an id", "DELETE", secrets, []any{map[string]string{"id": one.ID}, map[string]string{"name": "one"}}, "400 1001 invalid_json_body"},
		{"bulk delete of a missing one", "DELETE", secrets, []any{map[string]string{"id": one.ID}, map[string]string{"id": missing}}, "404 1001 secret_not_found"},
		{"bulk delete without a store", "DELETE", "/stores//secrets", nil, "404 1001 store_not_found"},

		{"second store", "POST", "/stores", `{"name":"two"}`, "400 1003 maximum_stores_exceeded"},
		{"array as a second store", "POST", "/stores", `[{"name":"two"}]`, "400 1003 maximum_stores_exceeded"},
		{"list without a store", "GET", "/stores//secrets", nil, "404 1000 not found"},
		{"get without an id", "GET", "/stores/", nil, "404 1000 not found"},
		{"a path that goes up", "GET", "/stores/../quota", nil, "404 1000 not found"},
		{"unknown route", "GET", "/system", nil, "404 7000 No route for that URI"},
		{"unknown method", "PUT", "/stores", `{"name":"two"}`, "404 7000 No route for that URI"},
		{"root", "GET", "client/v4/user", nil, "404 7000 No route for that URI"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			c := &client{t, c.server, c.account, c.token}
			before := fmt.Sprint(c.list(id))
			c.refused(tt.method, tt.path, tt.body, tt.want)
			if after := fmt.Sprint(c.list(id)); after != before {
				t.Errorf("it changed something: %s, was %s", after, before)
			}
		})
	}
}

func TestMalformedAccount(t *testing.T) {
	c, _ := newClient(t, emulator.Options{})
	for _, id := range []string{"acc", account + "0", strings.Repeat("g", 32), strings.ToUpper(account)} {
		c.account = id
		c.refused("GET", "/stores", nil, "404 7003 Could not route to /client/v4/accounts/"+id+
			"/secrets_store/stores, perhaps your object identifier is invalid?")
	}
}

func TestFirstStore(t *testing.T) {
	c, _ := newClient(t, emulator.Options{MaxStores: 3})
	for _, body := range []string{"", `[{"name":"a"}]`, `{}`, `{"name":""}`, `"a"`} {
		c.refused("POST", "/stores", body, "400 1001 invalid_json_body")
	}
	c.newStore("a")
	c.newStore("b")
	c.refused("POST", "/stores", `{"name":"a"}`, "400 1003 store_name_already_exists: a")
}

func TestNameConflictStatus(t *testing.T) {
	c, _ := newClient(t, emulator.Options{NameConflictStatus: http.StatusConflict})
	id := c.newStore("prod")
	one := c.newSecret(id, "one", "1")
	c.refused("POST", "/stores/"+id+"/secrets", []any{item("one", "2")}, "409 1003 secret_name_already_exists: one")
	c.refused("POST", "/stores/"+id+"/secrets/"+one.ID+"/duplicate", `{"name":"one","scopes":["dex"]}`, "409 1003 secret_name_already_exists: one")
}

func TestBodyLimit(t *testing.T) {
	c, _ := newClient(t, emulator.Options{MaxBody: 1000})
	id := c.newStore("prod")
	c.refused("POST", "/stores/"+id+"/secrets", []any{item("one", strings.Repeat("x", 1000))}, "413 1001 request_body_too_large")
	c.newSecret(id, "two", strings.Repeat("x", 900))
}

func TestPermissions(t *testing.T) {
	c, s := newClient(t, emulator.Options{Tokens: map[string][]emulator.Permission{
		"writer": {emulator.SecretsStoreWrite}, "reader": {emulator.SecretsStoreRead}, "other": {emulator.WorkersScriptsEdit},
	}})
	c.token = "writer"
	c.newStore("prod")
	for _, tt := range []struct{ token, read, write string }{
		{"", "401 10001 Unable to authenticate request", "401 10001 Unable to authenticate request"},
		{"wrong", "401 10000 Authentication error", "401 10000 Authentication error"},
		{"other", "403 10000 Authentication error", "403 10000 Authentication error"},
		{"reader", "", "403 10000 Authentication error"},
	} {
		c.token = tt.token
		if tt.read != "" {
			c.refused("GET", "/stores", nil, tt.read)
		} else if n := len(get[[]store](c, "GET", "/stores", nil)); n != 1 {
			t.Errorf("%s sees %d stores", tt.token, n)
		}
		for _, method := range []string{"POST", "PATCH", "DELETE"} {
			c.refused(method, "/stores", `{"name":"x"}`, tt.write)
		}
	}
	anyToken := &client{t, newServer(t, emulator.Options{}), account, ""}
	anyToken.refused("GET", "/quota", nil, "401 10001 Unable to authenticate request")
	if n := len(s.Requests()); n != 17 {
		t.Errorf("%d requests in the log, want 17", n)
	}
}

// TestAPIKeys: a user's key with an email address is a credential like a token.
func TestAPIKeys(t *testing.T) {
	few := newServer(t, emulator.Options{Tokens: map[string][]emulator.Permission{"reader": {emulator.SecretsStoreRead}}})
	for _, c := range []struct {
		server     *emulator.Server
		email, key string
		get, post  int
	}{
		{newServer(t, emulator.Options{}), "user@example.com", "any", http.StatusOK, http.StatusOK},
		{newServer(t, emulator.Options{}), "", "any", http.StatusUnauthorized, http.StatusUnauthorized},
		{newServer(t, emulator.Options{}), "user@example.com", "", http.StatusUnauthorized, http.StatusUnauthorized},
		{few, "user@example.com", "reader", http.StatusOK, http.StatusForbidden},
		{few, "user@example.com", "other", http.StatusUnauthorized, http.StatusUnauthorized},
	} {
		for method, want := range map[string]int{"GET": c.get, "POST": c.post} {
			r := httptest.NewRequest(method, "http://localhost/client/v4/accounts/"+account+"/secrets_store/stores", strings.NewReader(`{"name":"x"}`))
			r.Header.Set("X-Auth-Email", c.email)
			r.Header.Set("X-Auth-Key", c.key)
			w := httptest.NewRecorder()
			if c.server.ServeHTTP(w, r); w.Code != want {
				t.Errorf("%q %q: %s gives %d, want %d", c.email, c.key, method, w.Code, want)
			}
		}
	}
}

func TestBadOptions(t *testing.T) {
	for _, opts := range []emulator.Options{
		{MaxStores: -1}, {MaxSecrets: -1}, {DefaultPerPage: -1}, {MaxPerPage: -1}, {MaxBody: -1}, {NameConflictStatus: 418},
		{Tokens: map[string][]emulator.Permission{"t": {"Secrets Store"}}},
	} {
		if _, err := emulator.New(opts); err == nil {
			t.Errorf("%+v: no error", opts)
		}
	}
}
