package connect_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/connect"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
)

// An account runs previews, also one whose writes are checked: a preview writes nothing.
func TestPreviews(t *testing.T) {
	answers := map[string]string{
		"/workers/subdomain":              `{"subdomain":"sub"}`,
		"/workers/subdomain/edge-preview": `{"token":"session"}`,
		"/workers/scripts/w/edge-preview": `{"preview_token":"preview"}`,
	}
	const prefix = "/client/v4/accounts/0123456789abcdef0123456789abcdef"
	var requests []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, prefix)
		requests = append(requests, path)
		if path == "/__preview/w/" {
			_, _ = fmt.Fprint(w, r.Header.Get("cf-workers-preview-token")+r.Header.Get("Authorization"))
			return
		}
		_, _ = fmt.Fprintf(w, `{"success":true,"errors":[],"result":%s}`, answers[path])
	}))
	defer server.Close()
	api, err := connect.Cloudflare(connect.Options{
		BaseURL: server.URL + "/client/v4",
		Token:   func(planner.AccountID, string) (string, error) { return "token", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	account, err := api.Account("0123456789abcdef0123456789abcdef", "")
	if err != nil {
		t.Fatal(err)
	}
	checked := account.(reconcile.WriteChecker).CheckWrites(func() error { return errors.New("no writes") })
	for _, a := range []reconcile.Account{account, checked} {
		preview, err := a.(reconcile.Previewer).Preview(t.Context(), reconcile.PreviewUpload{Name: "w", File: "w.js"})
		if err != nil {
			t.Fatal(err)
		}
		status, answer, err := preview.Post(t.Context(), nil, 100)
		if status != http.StatusOK || string(answer) != "preview" || err != nil {
			t.Errorf("HTTP %d, %q, %v", status, answer, err)
		}
	}
	want := "/workers/subdomain /workers/subdomain/edge-preview /workers/scripts/w/edge-preview /__preview/w/" +
		" /workers/subdomain/edge-preview /workers/scripts/w/edge-preview /__preview/w/"
	if got := strings.Join(requests, " "); got != want {
		t.Errorf("requests %s\nwant %s", got, want)
	}
}
