package emulator_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/emulator"
)

// A deployed Worker may bind only what exists. Only with DeployMoves, the modification time of
// what it binds moves.
func TestDeploy(t *testing.T) {
	for _, moves := range []bool{false, true} {
		c, server := newClient(t, emulator.Options{DeployMoves: moves})
		id := c.newStore("prod")
		bound, other := c.newSecret(id, "bound", "1"), c.newSecret(id, "other", "2")
		binding := `{"type":"secrets_store_secret","name":"KEY","store_id":"` + id + `","secret_name":"%s"}`
		for _, tt := range []struct {
			metadata string
			status   int
			message  string
		}{
			{`{"bindings":[{"type":"plain_text","name":"X","text":"x"},` + fmt.Sprintf(binding, "bound") + `]}`, http.StatusOK, `"id":"shop"`},
			{`{}`, http.StatusOK, `"id":"shop"`},
			{`{"bindings":[` + fmt.Sprintf(binding, "bound") + "," + fmt.Sprintf(binding, "gone") + `]}`, http.StatusBadRequest, "references store '" + id + "' and secret 'gone' which were not found"},
			{`{"bindings":`, http.StatusBadRequest, "metadata"},
			{"", http.StatusBadRequest, "metadata"},
		} {
			status, text := deploy(t, server, "t", tt.metadata)
			if status != tt.status || !strings.Contains(text, tt.message) {
				t.Errorf("%s: %d %s", tt.metadata, status, text)
			}
		}
		for _, one := range c.list(id) {
			before := bound.Modified
			if one.Name == "other" {
				before = other.Modified
			}
			if moved := one.Modified > before; moved != (moves && one.Name == "bound") {
				t.Errorf("DeployMoves %v: %s moved: %v", moves, one.Name, moved)
			}
		}
	}
}

// deploy uploads a Worker with this metadata, or with none if it is empty.
func deploy(t *testing.T, server http.Handler, token, metadata string) (status int, text string) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	fields := map[string]string{"index.js": "export default {}"}
	if metadata != "" {
		fields["metadata"] = metadata
	}
	for name, value := range fields {
		if err := form.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPut, "/client/v4/accounts/"+account+"/workers/scripts/shop", &body)
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}
