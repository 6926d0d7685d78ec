package notify

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf16"

	"github.com/secretsync/secretsync/internal/visible"
	"github.com/secretsync/secretsync/planner/planfile"
)

// The limits of the services. Slack takes 3,000 characters in a block, Discord 2,000 in a message,
// and Teams some 28 KB, in which it counts more than the body's bytes.
const (
	maxListed       = 20 // findings, for people to read in a chat
	maxDetails      = 200
	maxSlack        = 2_900
	maxDiscord      = 2_000
	maxTeams        = 20_000
	suppressEmbeds  = 1 << 2 // of Discord: no preview of a link
	adaptiveVersion = "1.4"
)

// payload is the body of the request that sends the message to a service.
func (m Message) payload(s Service) []byte {
	switch s {
	case Slack:
		return m.fit(m.slack, maxSlack)
	case Discord:
		return m.fit(m.discord, maxDiscord)
	case Teams:
		return m.fit(m.teams, maxTeams)
	}
	return encode(m.generic())
}

// fit returns the largest body that is within a service's limit. build returns the body with at
// most n findings, and its size as the service counts it.
func (m Message) fit(build func(n int) (body any, size int), limit int) []byte {
	for n := maxListed; ; n-- {
		if body, size := build(n); size <= limit || n == 0 {
			return encode(body)
		}
	}
}

func encode(body any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(body) // plain data and a buffer: cannot fail
	return visible.JSON(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// size counts UTF-16 units, which are never fewer than characters.
func size(text string) int { return len(utf16.Encode([]rune(text))) }

// code is foreign text as code, in which neither Slack nor Discord reads markup.
func code(text string) string { return "`" + strings.ReplaceAll(text, "`", "'") + "`" }

// marked are the lines as text, with foreign text as write returns it.
func marked(lines [][]span, write func(string) string) string {
	all := make([]string, len(lines))
	for i, line := range lines {
		for _, s := range line {
			if s.foreign {
				s.text = write(s.text)
			}
			all[i] += s.text
		}
	}
	return strings.Join(all, "\n")
}

// forSlack escapes what begins a link or a mention, everywhere in a text.
var forSlack = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func (m Message) slack(n int) (any, int) {
	text := "*" + m.title() + "*\n" + marked(m.lines(n), func(s string) string { return code(forSlack.Replace(s)) })
	if link := m.link(); link != "" {
		text += "\n<" + forSlack.Replace(link) + "|Open the CI job>"
	}
	// Slack shows the blocks. The text is for notifications and screen readers, and for services
	// that take Slack's messages without blocks. A verbatim text links nothing that looks like an
	// address.
	return map[string]any{
		"text": text, "unfurl_links": false, "unfurl_media": false,
		"blocks": []any{map[string]any{"type": "section", "text": map[string]any{"type": "mrkdwn", "text": text, "verbatim": true}}},
	}, size(text)
}

func (m Message) discord(n int) (any, int) {
	text := "**" + m.title() + "**\n" + marked(m.lines(n), code)
	if link := m.link(); link != "" {
		text += "\n<" + link + ">"
	}
	return map[string]any{"content": text, "flags": suppressEmbeds, "allowed_mentions": map[string]any{"parse": []string{}}}, size(text)
}

// teams is an Adaptive Card, as a workflow of Power Automate posts it. The texts of its RichTextBlock
// are not read as Markdown.
func (m Message) teams(n int) (any, int) {
	body := []any{map[string]any{"type": "TextBlock", "text": m.title(), "weight": "Bolder", "size": "Medium", "wrap": true}}
	for _, line := range m.lines(n) {
		var runs []any
		for _, s := range line {
			run := map[string]any{"type": "TextRun", "text": s.text}
			if s.foreign {
				run["fontType"] = "Monospace"
			}
			runs = append(runs, run)
		}
		body = append(body, map[string]any{"type": "RichTextBlock", "spacing": "Small", "inlines": runs})
	}
	card := map[string]any{
		"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": adaptiveVersion,
		"body": body, "msteams": map[string]any{"width": "Full"},
	}
	if link := m.link(); link != "" {
		card["actions"] = []any{map[string]any{"type": "Action.OpenUrl", "title": "Open the CI job", "url": link}}
	}
	message := map[string]any{
		"type": "message",
		"attachments": []any{map[string]any{
			"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": nil, "content": card,
		}},
	}
	return message, len(encode(message))
}

// genericMessage is what any other webhook is sent (docs/notify.md).
type genericMessage struct {
	SchemaVersion int             `json:"schema_version"`
	Event         Event           `json:"event"`
	Text          string          `json:"text"`
	Manifest      string          `json:"manifest"`
	Findings      int             `json:"findings"`
	New           int             `json:"new"`
	Ended         int             `json:"ended"`
	Checked       int             `json:"checked"`
	Complete      bool            `json:"complete"`
	RunURL        string          `json:"run_url,omitempty"`
	Details       []genericDetail `json:"details"` // at most maxDetails
}

type genericDetail struct {
	Kind      string              `json:"kind"`
	AccountID string              `json:"account_id"`
	Store     string              `json:"store"`
	Secret    string              `json:"secret,omitempty"`
	ChangedBy *planfile.ChangedBy `json:"changed_by,omitempty"`
}

func (m Message) generic() genericMessage {
	g := genericMessage{
		SchemaVersion: 1, Event: m.Event, Text: m.title() + "\n" + marked(m.lines(maxListed), func(s string) string { return s }),
		Manifest: m.Manifest, Findings: len(m.Findings), New: m.New, Ended: m.Ended, Checked: m.Checked, Complete: m.Complete,
		RunURL: m.link(), Details: []genericDetail{},
	}
	for _, d := range m.Findings[:min(len(m.Findings), maxDetails)] {
		g.Details = append(g.Details, genericDetail{
			Kind: string(d.Kind), AccountID: string(d.Store.Account), Store: d.Store.Name, Secret: d.Secret,
			ChangedBy: planfile.NewChangedBy(d.Outside),
		})
	}
	return g
}
