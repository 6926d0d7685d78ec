// Package audit is the audit log of an account, as docs/cloudflare-api.md §16 describes it.
package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxEntries bounds the log, which each write saves with the state.
const maxEntries = 500

// Log has an entry for each change, the oldest first.
type Log []Entry

// Entry is a change that took effect.
type Entry struct {
	ID   string    `json:"id"`
	Time time.Time `json:"time"`
	// Shown is when the log begins to show the entry.
	Shown     time.Time `json:"shown"`
	Actor     Actor     `json:"actor"`
	Method    string    `json:"method"`
	URI       string    `json:"uri"`
	UserAgent string    `json:"user_agent,omitempty"`
	Facts     Facts     `json:"facts,omitzero"`
}

// Facts are what a change did. A value is not among them.
type Facts struct {
	// ValueModified is nil for a change of another kind than an update.
	ValueModified *bool   `json:"value_modified,omitempty"`
	Secrets       []Named `json:"secrets,omitempty"`
	// DuplicatedFrom is the id of the secret that another one was copied from.
	DuplicatedFrom string `json:"duplicated_from_id,omitempty"`
}

// Named is a secret that was created or deleted.
type Named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Actor is who made a change, and how.
type Actor struct {
	ID        string `json:"id"`
	Email     string `json:"email,omitempty"`
	Type      string `json:"type"`
	Context   string `json:"context"`
	TokenID   string `json:"token_id,omitempty"`
	TokenName string `json:"token_name,omitempty"`
}

// userHeader is a request header with an e-mail address. The emulator treats a request that has
// it as one by this user of the dashboard.
const userHeader = "Emulator-User"

// ActorOf returns who sends a request with a credential. Of the credential, only a digest shows.
func ActorOf(r *http.Request, credential string) Actor {
	if email := r.Header.Get(userHeader); email != "" {
		return Actor{ID: id(email), Email: email, Type: "user", Context: "dash"}
	}
	if email := r.Header.Get("X-Auth-Email"); email != "" && r.Header.Get("Authorization") == "" {
		return Actor{ID: id(email), Email: email, Type: "user", Context: "api_key"}
	}
	token := id("token " + credential)
	return Actor{ID: token, Type: "account", Context: "api_token", TokenID: token, TokenName: "token-" + token[:8]}
}

func id(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// With returns the log with another entry. It shares memory with l, so entries may be added only to
// the latest version of a log.
func (l Log) With(e Entry) Log { return append(l[max(0, len(l)+1-maxEntries):], e) }

// Query says which part of the log to show.
type Query struct {
	Since, Before time.Time
	Ascending     bool
	Limit         int
	Offset        int // from the cursor
}

// ParseQuery reads the parameters of a request. It returns false if they are invalid.
func ParseQuery(q url.Values) (Query, bool) {
	since, ok1 := parseTime(q.Get("since"))
	before, ok2 := parseTime(q.Get("before"))
	query := Query{Since: since, Before: before, Ascending: q.Get("direction") == "asc", Limit: 100}
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1000 {
			return query, false
		}
		query.Limit = n
	}
	if text := q.Get("cursor"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return query, false
		}
		query.Offset = n
	}
	return query, ok1 && ok2
}

func parseTime(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// Page is what a query finds. Cursor is empty if nothing follows.
type Page struct {
	Entries []View
	Cursor  string
}

// Find returns the entries that are shown at a time.
func (l Log) Find(q Query, now time.Time) Page {
	found := []View{}
	for _, e := range l {
		if !e.Shown.After(now) && !e.Time.Before(q.Since) && e.Time.Before(q.Before) {
			found = append(found, e.view())
		}
	}
	if !q.Ascending {
		slices.Reverse(found)
	}
	first := min(q.Offset, len(found))
	end := min(first+q.Limit, len(found))
	page := Page{Entries: found[first:end]}
	if end < len(found) {
		page.Cursor = strconv.Itoa(end)
	}
	return page
}

// View is an entry as the API shows it.
type View struct {
	ID       string       `json:"id"`
	Action   action       `json:"action"`
	Actor    Actor        `json:"actor"`
	Raw      raw          `json:"raw"`
	Resource resourceView `json:"resource"`
}

type action struct {
	Type        string `json:"type"`
	Result      string `json:"result"`
	Time        string `json:"time"`
	Description string `json:"description"`
}

type raw struct {
	Method     string `json:"method"`
	URI        string `json:"uri"`
	StatusCode int    `json:"status_code"`
	UserAgent  string `json:"user_agent"`
}

// resourceView has the changed resource; the product name and field layout are guesses.
type resourceView struct {
	ID       string `json:"id"`
	Product  string `json:"product"`
	Type     string `json:"type"`
	Response Facts  `json:"response"`
}

func (e Entry) view() View {
	kind, resource := "update", "secret"
	switch e.Method {
	case http.MethodPost:
		kind = "create"
	case http.MethodDelete:
		kind = "delete"
	}
	product := "secrets_store"
	if !strings.Contains(e.URI, "/secrets_store/") {
		product, resource = "workers", "script"
	}
	segments := strings.Split(e.URI, "/")
	return View{
		ID: e.ID,
		Action: action{
			Type: kind, Result: "success", Time: e.Time.UTC().Format("2006-01-02T15:04:05.000000Z"), Description: kind + " " + resource,
		},
		Actor:    e.Actor,
		Raw:      raw{Method: e.Method, URI: e.URI, StatusCode: http.StatusOK, UserAgent: e.UserAgent},
		Resource: resourceView{ID: segments[len(segments)-1], Product: product, Type: resource, Response: e.Facts},
	}
}
