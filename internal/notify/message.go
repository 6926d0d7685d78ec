package notify

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/visible"
	"github.com/secretsync/secretsync/planner"
)

// Event is what a message is about.
type Event string

// The events.
const (
	EventDrift    Event = "drift"
	EventResolved Event = "resolved"
)

// Report is what one run found.
type Report struct {
	Manifest string
	Findings []planner.Drift // those that count
	Checked  int             // secrets
	// Complete says that every account could be read.
	Complete bool
	// RunURL is the page of the CI job; it may be empty.
	RunURL string
}

// Message is what a webhook is sent: the whole report, and how it differs from what was sent
// before.
type Message struct {
	Event      Event
	New, Ended int
	Report
}

// span is a piece of a line. Foreign text, such as a name, has to stay text in every service's
// markup.
type span struct {
	text    string
	foreign bool
}

// maxName is the length at which a name is cut.
const maxName = 100

// foreign is text from elsewhere: invisible characters are escaped, and long texts are cut.
func foreign(text string) span {
	text = visible.Text(text)
	if utf8.RuneCountInString(text) > maxName {
		text = string([]rune(text)[:maxName]) + "…"
	}
	return span{text: text, foreign: true}
}

func words(text string) span { return span{text: text} }

// title sums the message up. It has no foreign text.
func (m Message) title() string {
	if m.Event == EventResolved {
		return fmt.Sprintf("secretsync: the drift is over, %s checked", count(m.Checked, "secret"))
	}
	title := fmt.Sprintf("secretsync: drift, %s in %s checked", count(len(m.Findings), "finding"), count(m.Checked, "secret"))
	switch {
	case m.New > 0 && m.New < len(m.Findings):
		title += fmt.Sprintf(" (%d new)", m.New)
	case m.New == 0:
		title += fmt.Sprintf(" (%d fewer than before)", m.Ended)
	}
	return title
}

func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// lines are the message below its title, with at most n findings.
func (m Message) lines(n int) [][]span {
	all := [][]span{{words("manifest "), foreign(m.Manifest)}}
	accounts := map[planner.AccountID]bool{}
	for _, f := range m.Findings {
		accounts[f.Store.Account] = true
	}
	shown := render.DriftByRisk(m.Findings)
	shown = shown[:min(n, len(shown))]
	for _, f := range shown {
		all = append(all, findingLine(f, len(accounts) > 1))
	}
	if left := len(m.Findings) - len(shown); left > 0 {
		all = append(all, []span{words(fmt.Sprintf("and %s more: secretsync drift shows them", count(left, "finding")))})
	}
	if !m.Complete {
		all = append(all, []span{words("Not every account could be read.")})
	}
	return all
}

func findingLine(d planner.Drift, account bool) []span {
	line := []span{words("- "), foreign(d.Store.Name)}
	if account {
		line = append(line, words(" in account "), foreign(string(d.Store.Account)))
	}
	if d.Secret != "" {
		line = append(line, words(" / "), foreign(d.Secret))
	}
	line = append(line, words(": "+render.DriftKind(d)))
	if d.Outside == nil {
		return line
	}
	actor, how, at := render.ChangeParts(*d.Outside)
	switch {
	case d.Outside.At == "":
		return append(line, words("; not in the audit log yet"))
	case actor == "":
		line = append(line, words("; by an unknown actor"))
	default:
		line = append(line, words("; by "), foreign(actor))
	}
	if how != "" {
		line = append(line, words(" ("+how+")"))
	}
	if at != "" {
		line = append(line, words(" at "+at))
	}
	return line
}

const maxLink = 500

// harmless are the characters of an address that are part of no service's markup.
const harmless = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#@!$&'+,;=%"

// link is the page of the CI job; empty if there is none, or if its address cannot be written in
// every service's markup.
func (m Message) link() string {
	u, err := url.Parse(m.RunURL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil ||
		len(m.RunURL) > maxLink || strings.Trim(m.RunURL, harmless) != "" {
		return ""
	}
	return m.RunURL
}
