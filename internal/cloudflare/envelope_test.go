package cloudflare

import (
	"encoding/json"
	"net/http"
	"testing"
)

// The decoder accepts or rejects any input, and what it accepts can be classified, explained
// and read.
func FuzzEnvelope(f *testing.F) {
	for _, s := range []string{
		"", "null", "{}", "[]", "<html>", `{"success":true}`, `{"success":null}`, `{"success":"true"}`, `{"success":true,"result":null}`,
		ok(`[` + secretJSON(id1, "a") + `],"result_info":{"total_count":1}`).body, ok(secretJSON(id1, "a")).body,
		refusal(400, 1001, "secret_not_found").body, refusal(200, 971, "wait").body,
		`{"success":false,"errors":null,"result_info":null}`, `{"success":false,"errors":[null,{"code":-1}]}`,
		`{"success":true,"result_info":{"total_count":-1}}`, `{"success":true,"result_info":{"total_count":1e99}}`,
	} {
		f.Add([]byte(s), 200)
		f.Add([]byte(s), 502)
	}
	f.Fuzz(func(t *testing.T, body []byte, status int) {
		a := &answer{status: status, header: http.Header{}, env: decodeEnvelope(body)}
		if a.env != nil && !json.Valid(body) {
			t.Fatal("took what is no JSON")
		}
		a.read = a.env != nil && *a.env.Success
		if a.verdict() == done && (status < 200 || status > 299 || a.env == nil || !*a.env.Success) {
			t.Errorf("HTTP %d and %q count as success", status, body)
		}
		e := &Error{Op: "op"}
		e.note(a, false)
		if e.Error() == "" || e.what == "" {
			t.Errorf("no words for HTTP %d and %q", status, body)
		}
		if a.env != nil {
			var list []wireSecret
			_ = json.Unmarshal(a.env.Result, &list)
		}
	})
}
