package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/secretsync/secretsync/internal/visible"
)

// The page is one file without references to others. Its policy lets a browser run this script and
// use this style, and load nothing. Charts are rectangles, written here: a JavaScript library for them
// would be larger than the page, and Go libraries write style attributes, which the policy forbids.
var (
	//go:embed page.html
	pageText string
	//go:embed page.css
	style string
	//go:embed page.js
	script string

	// pageTemplate is parsed at its first use: other commands do not pay for it.
	pageTemplate = sync.OnceValue(func() *template.Template { return template.Must(template.New("page").Parse(pageText)) })
)

// policy is the page's Content-Security-Policy. The icon is an empty data URL, so that browsers ask
// no server for one.
func policy() string {
	return "default-src 'none'; style-src 'sha256-" + digest(style) + "'; script-src 'sha256-" + digest(script) +
		"'; img-src data:; base-uri 'none'; form-action 'none'"
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// HTML returns the report as a page. filter withholds what must not be shown in a text from
// elsewhere; it may be nil. The page as a whole cannot be filtered, because a browser refuses a
// script or a style that was changed.
func (r *Report) HTML(filter func([]byte) []byte) ([]byte, error) {
	b := builder{report: r, filter: filter, ids: map[string]bool{}}
	var page bytes.Buffer
	if err := pageTemplate().Execute(&page, b.page()); err != nil {
		return nil, fmt.Errorf("writing the page: %w", err)
	}
	return page.Bytes(), nil
}

// IsHTML reports whether data is a page that [Report.HTML] returned.
func IsHTML(data []byte) bool {
	head := data[:min(len(data), 4096)]
	return bytes.HasPrefix(head, []byte("<!doctype html>")) && bytes.Contains(head, []byte(`<meta name="generator" content="secretsync report">`))
}

// page is what the template shows. All text from elsewhere in it has passed [builder.show].
type page struct {
	Policy              string
	Style               template.CSS
	Script              template.JS
	Manifest            string
	Time                moment
	Commit, ShortCommit string
	Dirty               bool
	RunURL              string
	Tiles               []tile
	Stores              []card
	Charts              []chart
	Filters             []choices
	Rows                []row
	SeveralStores       bool
	Unknown             []string
}

type (
	// moment is a time, by the clock and relative to the report's.
	moment struct{ ISO, Text, Relative string }
	// badge is a highlighted word, with the key by which a filter finds it.
	badge struct {
		Key, Words string
		Tone       tone
	}
	tile struct {
		Count int
		Words string
		Tone  tone
	}
	card struct {
		Name, Account, ID, Secrets, Quota string
		Badge                             badge
		Tone                              tone
		Percent                           int
		Findings                          []string
	}
	chart struct {
		Key, Title, Column string
		Bars               []bar
	}
	bar struct {
		Key, Words, Share string
		Tone              tone
		Percent           string
		Count             int
	}
	choices struct {
		Key, Label string
		Choices    []bar
	}
	row struct {
		ID                                   string
		Link                                 template.URL
		Store, StoreKey, Name, Comment, Sort string
		Age, Due, SourceKind, Read           string
		Source, NoSource, NoDue, Policy      string
		State, Value                         badge
		HasValue                             bool
		Applied, NextDue                     *moment
		DueTone                              string
		Findings, Scopes                     []string
		Readers                              []reader
		Details                              []detail
	}
	reader struct{ Name, How string }
	detail struct{ Term, Text string }
)

// builder turns a report into a page.
type builder struct {
	report *Report
	filter func([]byte) []byte
	ids    map[string]bool // those of rows so far
}

// show makes text from elsewhere harmless. The template escapes what means something in HTML.
func (b *builder) show(text string) string {
	if b.filter != nil {
		text = string(b.filter([]byte(text)))
	}
	return visible.Text(text)
}

func (b *builder) page() page {
	r := b.report
	p := page{
		Policy: policy(), Style: template.CSS(style), Script: template.JS(script), //nolint:gosec // embedded files
		Manifest: b.show(r.Manifest), Time: b.moment(r.Time), RunURL: r.RunURL, Unknown: b.unknown(), SeveralStores: len(r.Stores) > 1,
	}
	p.Commit = r.Commit
	p.ShortCommit, p.Dirty = strings.CutSuffix(r.Commit, "-dirty")
	p.ShortCommit = p.ShortCommit[:min(len(p.ShortCommit), 12)]
	for _, st := range r.Stores {
		p.Stores = append(p.Stores, b.card(st))
	}
	for i := range r.Secrets {
		p.Rows = append(p.Rows, b.row(i))
	}
	p.Tiles, p.Charts, p.Filters = b.tiles(), b.charts(), b.filters(p.Rows)
	return p
}

// moment is a time as the page shows it.
func (b *builder) moment(t time.Time) moment {
	t = t.UTC()
	return moment{ISO: t.Format(time.RFC3339), Text: t.Format("2006-01-02 15:04 UTC")}
}

// date returns a time of which only the day matters.
func (b *builder) date(t time.Time, relative func(t, now time.Time) string) *moment {
	t = t.UTC()
	return &moment{ISO: t.Format(time.RFC3339), Text: t.Format(time.DateOnly), Relative: relative(t, b.report.Time)}
}

func (b *builder) card(st Store) card {
	c := card{Name: b.show(st.Store), Account: b.show(st.AccountID), ID: b.show(st.StoreID), Secrets: count(st.Secrets, "secret")}
	if st.Others > 0 {
		c.Secrets += fmt.Sprintf(" here, and %d of others", st.Others)
	}
	switch st.State {
	case StoreMissing:
		c.Badge = badge{Words: "Does not exist", Tone: toneInfo}
		for _, f := range st.Findings {
			if f.Counts {
				c.Badge.Tone = toneBad
			}
		}
	case StoreUnread:
		c.Badge = badge{Words: "Not read", Tone: toneWarn}
	}
	if q, ok := b.report.quota(st.AccountID); ok && q.Limit > 0 {
		c.Quota = fmt.Sprintf("Quota of the account: %d of %s", q.Usage, count(q.Limit, "secret"))
		c.Percent = min(100, 100*q.Usage/q.Limit)
		c.Tone = toneGood
		if c.Percent >= 90 {
			c.Tone = toneBad
		} else if c.Percent >= 75 {
			c.Tone = toneWarn
		}
	}
	for _, f := range st.Findings {
		c.Findings = append(c.Findings, b.show(f.Text))
	}
	return c
}

// fragment is how the address of a page names a row: STORE/SECRET, percent-encoded. It is the
// row's id as well, because browsers look for that first.
func (b *builder) fragment(s *Secret) string {
	id := escape(s.Store) + "/" + escape(s.Secret)
	if b.ids[id] {
		id = escape(s.AccountID) + "/" + id // a store of this name in another account
	}
	for b.ids[id] {
		id += "~"
	}
	b.ids[id] = true
	return id
}

// escape percent-encodes everything but letters, digits and a few marks.
func escape(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

func (b *builder) row(i int) row {
	now, s := b.report.Time, &b.report.Secrets[i]
	id := b.fragment(s)
	r := row{
		ID: id, Link: template.URL("#" + id), //nolint:gosec // percent-encoded
		Store: b.show(s.Store), StoreKey: b.storeKey(s), Name: b.show(s.Secret), Comment: b.show(s.Comment),
		Age: s.age(now).key, Due: s.dueIn(now).key, Source: b.show(s.Source), SourceKind: sourceKey(s), Read: "no",
		State: stateBadge(s.State), Value: badge{string(s.Value), values[s.Value].words, values[s.Value].tone}, Details: b.details(s), HasValue: s.Value != ValueNone,
	}
	switch s.State {
	case StateExternal, StateMissing:
		r.NoSource = "others supply it"
	case StateUnmanaged:
		r.NoSource = "not managed"
	case StatePrevious:
		r.NoSource = "kept by an overlap"
	default:
		r.NoSource = "not known"
	}
	b.addRotation(&r, s)
	for _, f := range s.Findings {
		r.Findings = append(r.Findings, b.show(f.Text))
	}
	for _, scope := range s.Scopes {
		r.Scopes = append(r.Scopes, b.show(scope))
	}
	for _, by := range s.Readers {
		r.Read = "yes"
		r.Readers = append(r.Readers, reader{b.show(by.Name), b.how(by)})
	}
	keys, _ := json.Marshal(b.sortKeys(i)) // numbers: cannot fail
	r.Sort = string(keys)
	return r
}

// addRotation adds when the value was rotated last, and when it is due.
func (b *builder) addRotation(r *row, s *Secret) {
	if s.Applied != nil {
		r.Applied = b.date(*s.Applied, ago)
	}
	due := s.dueIn(b.report.Time)
	r.DueTone = "sub"
	if due.tone == toneBad || due.tone == toneWarn {
		r.DueTone = string(due.tone)
	}
	switch {
	case s.Due != nil:
		r.NextDue = b.date(*s.Due, until)
	case due == overdue:
		r.NoDue = "overdue: no value was sent yet"
	case due == noPolicy:
		r.NoDue = "no rotation policy"
	default:
		r.NoDue = "once it is applied"
	}
	if s.RotateAfterSeconds > 0 {
		r.Policy = "every " + span(time.Duration(s.RotateAfterSeconds)*time.Second)
		if s.Generated {
			r.Policy += ", by apply"
		}
	}
}

// how says what reads a secret, and where that is written.
func (b *builder) how(by Reader) string {
	var parts []string
	switch by.Kind {
	case "":
		parts = append(parts, b.show(by.Position))
	case readerDispatched:
		parts = append(parts, "in a dispatch namespace")
	case readerGateway:
		parts = append(parts, "AI Gateway")
	case readerRegistry:
		parts = append(parts, "container registry")
	}
	if by.Deployed && by.Kind != readerGateway && by.Kind != readerRegistry {
		parts = append(parts, "deployed")
	}
	if by.Binding != "" {
		parts = append(parts, "as "+b.show(by.Binding))
	}
	return strings.Join(parts, ", ")
}

// details are what few readers look for.
func (b *builder) details(s *Secret) []detail {
	var all []detail
	add := func(term, text string) {
		if text != "" {
			all = append(all, detail{term, b.show(text)})
		}
	}
	add("Created", string(s.Created))
	add("Last write", string(s.Modified))
	if s.Applied != nil {
		add("Value sent", s.Applied.Format(time.RFC3339))
	}
	add("Id", s.SecretID)
	add("Earlier value of", s.PreviousOf)
	add("Account", s.AccountID)
	return all
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
