package program

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/internal/emulator/faultrule"
)

// Emulator serves the API until the test ends.
func Emulator(t testing.TB, opts emulator.Options) *emulator.Embedded {
	t.Helper()
	e, err := emulator.Listen(t.Context(), "127.0.0.1:0", opts)
	Must(t, err)
	t.Cleanup(e.Stop)
	return e
}

// FaultKinds are the kinds of fault, by the names of emulator --fault. Those of the first
// line are tried in every test run.
var FaultKinds = []string{
	"cut-after", "403",
	"cut", "reset", "reset-after", "stall", "stall-after", "500", "500-after", "502", "502-after", "503", "503-after",
	"truncated", "malformed", "empty", "429", "429=1s", "971", "971=1s", "lag", "lag=2s", "short",
}

// Fault is a fault of a kind, for every request.
func Fault(t testing.TB, kind string) emulator.Fault {
	t.Helper()
	parsed, err := faultrule.Parse("* * " + kind)
	Must(t, err)
	return parsed(httptest.NewRequest(http.MethodGet, "/", nil))
}

// Colleague is whose changes [Send] makes, by the audit log.
const Colleague = "colleague@example.com"

// Send sends a request about the test account, as the dashboard would, and returns its
// result.
func Send(baseURL, method, path string, body any) (json.RawMessage, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	url := baseURL + "/accounts/" + Account + "/secrets_store" + path
	req, err := http.NewRequestWithContext(context.Background(), method, url, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer dashboard")
	req.Header.Set("Emulator-User", Colleague)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var envelope struct {
		Success bool
		Errors  json.RawMessage
		Result  json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&envelope); err != nil {
		return nil, err
	}
	if !envelope.Success {
		return nil, fmt.Errorf("%s %s: %s", method, path, envelope.Errors)
	}
	return envelope.Result, nil
}

// FindID returns the id of the entry with a name in a list: of a store in "/stores", or of a
// secret in "/stores/ID/secrets".
func FindID(baseURL, list, name string) (string, error) {
	const most = 100 // per page
	for page := 1; ; page++ {
		result, err := Send(baseURL, http.MethodGet, fmt.Sprintf("%s?per_page=%d&page=%d", list, most, page), nil)
		if err != nil {
			return "", err
		}
		var found []struct{ ID, Name string }
		if err := json.Unmarshal(result, &found); err != nil {
			return "", err
		}
		for _, f := range found {
			if f.Name == name {
				return f.ID, nil
			}
		}
		if len(found) < most {
			return "", fmt.Errorf("no %s in %s", name, list)
		}
	}
}

// SentValues returns the values of secrets in the body of a request.
func SentValues(body []byte) []string {
	type secret struct{ Value string }
	var one secret
	var many []secret
	if json.Unmarshal(body, &many) != nil && json.Unmarshal(body, &one) == nil {
		many = []secret{one}
	}
	var values []string
	for _, s := range many {
		if s.Value != "" {
			values = append(values, s.Value)
		}
	}
	return values
}

// Unproven finds secrets whose creator is unknown in the errors about them: the name of each, and of
// its store.
var Unproven = regexp.MustCompile(`secret "([^"]+)" of store "([^"]+)"(?: \(account [0-9a-f]+\))? ` +
	`(?:was created by an interrupted apply, or by another client|already exists and is not in the lockfile)`)
