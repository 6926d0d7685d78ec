package emulator_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/emulator"
)

// What a request takes does not grow with the number of secrets that an account has.
func TestRequestsDoNotGrow(t *testing.T) {
	few, many := allocatedByRequests(t, 200), allocatedByRequests(t, 20_000)
	for request, bytes := range many {
		if bytes > 2*few[request]+64<<10 {
			t.Errorf("%s: %d bytes allocated with 20,000 secrets, %d with 200", request, bytes, few[request])
		}
	}
}

// allocatedByRequests is what requests allocate in an account with a number of secrets.
func allocatedByRequests(t *testing.T, secrets int) map[string]uint64 {
	t.Helper()
	const batch = 100
	c, s := newClient(t, emulator.Options{MaxSecrets: secrets + 1, RateLimit: -1})
	store := c.newStore("prod")
	for i := 0; i < secrets; i += batch {
		items := make([]any, batch)
		for k := range items {
			items[k] = item(fmt.Sprintf("secret-%06d", i+k), "value")
		}
		get[[]secret](c, "POST", "/stores/"+store+"/secrets", items)
	}
	first := get[[]secret](c, "GET", "/stores/"+store+"/secrets?per_page=1&direction=asc", nil)[0]
	path := "/client/v4/accounts/" + account + "/secrets_store/stores/" + store + "/secrets"
	allocated := map[string]uint64{}
	for name, r := range map[string]*http.Request{
		"list":      httptest.NewRequest("GET", path+"?page=2&per_page=100", nil),
		"read":      httptest.NewRequest("GET", path+"/"+first.ID, nil),
		"change":    httptest.NewRequest("PATCH", path+"/"+first.ID, strings.NewReader(`{"value":"new"}`)),
		"duplicate": httptest.NewRequest("POST", path+"/"+first.ID+"/duplicate", strings.NewReader(`{"name":"copy","scopes":["workers"]}`)),
	} {
		r.Header.Set("Authorization", "Bearer token")
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		runtime.ReadMemStats(&after)
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", name, w.Code, w.Body)
		}
		allocated[name] = after.TotalAlloc - before.TotalAlloc
	}
	return allocated
}
