// Package auditlog reads from an account's audit log who changed secrets, and how
// (docs/cloudflare-api.md §16).
package auditlog

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/secretsync/secretsync/internal/cloudflare"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/outside"
)

// permission is what a token needs to read audit logs.
const permission = "Account Settings Read"

const (
	// kept is how many months Cloudflare keeps entries. It need not answer for an earlier time.
	kept     = 18
	pageSize = 1000
	// maxPages bounds how much of a busy account's log is read: the log has the changes of all
	// products, and cannot be filtered for secrets.
	maxPages = 20
)

// errTooLong means that the log has more entries than are read. The latest ones were.
var errTooLong = errors.New("the audit log has more than 20,000 entries since the oldest change in question: older ones were not read")

// API sends requests for an account.
type API interface {
	Call(context.Context, cloudflare.Call) error
}

// Read returns the changes of secrets and stores between two times, the latest first. With
// errTooLong it returns the latest ones.
func Read(ctx context.Context, api API, since, before time.Time) ([]outside.Entry, error) {
	if oldest := before.AddDate(0, -kept, 0); since.Before(oldest) {
		since = oldest
	}
	query := url.Values{
		"since": {since.UTC().Format(time.RFC3339)}, "before": {before.UTC().Add(time.Second).Format(time.RFC3339)},
		"limit": {strconv.Itoa(pageSize)}, "direction": {"desc"},
	}
	var found []outside.Entry
	for range maxPages {
		var p page
		err := api.Call(ctx, cloudflare.Call{
			Op: "reading the audit log", Method: http.MethodGet, Path: []string{"logs", "audit"}, Query: maps.Clone(query),
			Permission: permission, Read: p.read,
		})
		if err != nil {
			return nil, err
		}
		for _, e := range p.entries {
			if change, ok := e.change(); ok {
				found = append(found, change)
			}
		}
		if p.cursor == "" || p.cursor == query.Get("cursor") || len(p.entries) == 0 {
			return found, nil
		}
		query.Set("cursor", p.cursor)
	}
	return found, errTooLong
}

// page is a page of the log.
type page struct {
	entries []entry
	cursor  string // of the next page; empty for none
}

func (p *page) read(result, info json.RawMessage) bool {
	var next struct{ Cursor string }
	if len(info) > 0 && json.Unmarshal(info, &next) != nil || json.Unmarshal(result, &p.entries) != nil || p.entries == nil {
		return false
	}
	p.cursor = next.Cursor
	return true
}

// entry is an entry as the API writes it, as far as it is read. Request and response are only
// searched for names, ids and a flag: whether they can hold a value is not documented.
type entry struct {
	Action struct {
		Result string
		Time   string
	}
	Actor struct {
		ID, Email, Type, Context string
		TokenName                string `json:"token_name"`
		TokenID                  string `json:"token_id"`
	}
	Raw struct {
		Method, URI string
		StatusCode  int `json:"status_code"`
	}
	Resource struct {
		Request, Response json.RawMessage
	}
}

// subject is what the path of a request names.
type subject struct {
	store  planner.StoreID
	secret planner.SecretID // empty for none
	// copies says that the request creates another secret with the value of this one.
	copies bool
}

// parse reads the path of a request. What precedes the Secrets Store's part differs between the API
// and the dashboard. It returns false for paths of other products.
func parse(uri string) (s subject, ok bool) {
	path, _, _ := strings.Cut(uri, "?")
	_, path, ok = strings.Cut(path, "/secrets_store/stores/")
	segments := strings.Split(strings.TrimSuffix(path, "/"), "/")
	if !ok || !isID(segments[0]) {
		return s, false
	}
	s.store = planner.StoreID(segments[0])
	switch rest := segments[1:]; {
	case len(rest) == 0, len(rest) == 1 && rest[0] == "secrets":
		return s, true
	case rest[0] != "secrets", len(rest) > 3, !isID(rest[1]), len(rest) == 3 && rest[2] != "duplicate":
		return s, false
	default:
		s.secret, s.copies = planner.SecretID(rest[1]), len(rest) == 3
		return s, true
	}
}

// isID reports whether a part of a path can be an id (docs/cloudflare-api.md §1).
func isID(text string) bool {
	const chars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return text != "" && len(text) <= 64 && strings.Trim(text, chars) == ""
}

// change returns the entry as a change of secrets, and false if it is not such a change.
func (e entry) change() (outside.Entry, bool) {
	about, ok := parse(e.Raw.URI)
	method := strings.ToUpper(e.Raw.Method)
	if !ok || method == http.MethodGet || method == "" || e.Action.Result == "failure" || e.Raw.StatusCode >= http.StatusBadRequest {
		return outside.Entry{}, false
	}
	change := outside.Entry{
		Time: planner.Modified(e.Action.Time), Actor: e.actor(), Channel: e.Actor.Context, Method: method,
		Store: about.store, Secret: about.secret,
	}
	var body body
	body.read(e.Resource.Request)
	body.read(e.Resource.Response)
	if about.secret == "" || about.copies { // of a duplicate, the path has the secret that it was copied from
		change.Secret, change.Secrets = "", body.secrets
	}
	switch {
	case body.modified == nil:
	case *body.modified:
		change.Value = planner.ValueModified
	default:
		change.Value = planner.ValueKept
	}
	return change, true
}

// actor is who made a change, in the most specific form.
func (e entry) actor() string {
	for _, name := range []string{e.Actor.Email, e.Actor.TokenName, e.Actor.TokenID, e.Actor.ID, e.Actor.Type} {
		if name != "" {
			return name
		}
	}
	return ""
}

// body is what the request and the answer in an entry say.
type body struct {
	secrets  []string // names and ids
	modified *bool    // whether the value was
}

// maxDepth is how deep objects and lists are searched: the answer may be in its envelope.
const maxDepth = 4

func (b *body) read(data json.RawMessage) {
	var text string
	if json.Unmarshal(data, &text) == nil { // JSON within a string
		data = json.RawMessage(text)
	}
	var content any
	if json.Unmarshal(data, &content) == nil {
		b.search(content, maxDepth)
	}
}

func (b *body) search(content any, depth int) {
	if depth == 0 {
		return
	}
	switch c := content.(type) {
	case []any:
		for _, item := range c {
			b.search(item, depth-1)
		}
	case map[string]any:
		for key, field := range c {
			switch f := field.(type) {
			case bool:
				if key == "value_modified" && (b.modified == nil || f) { // one that was modified is enough
					b.modified = &f
				}
			case string:
				if key == "name" || key == "id" {
					b.secrets = append(b.secrets, f)
				}
			default:
				b.search(f, depth-1)
			}
		}
	}
}
