package notify

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/planner"
)

// TestParseWebhook: the host or a prefix decides which service it is, and errors quote no address.
func TestParseWebhook(t *testing.T) {
	for _, c := range []struct{ text, service, err string }{
		{"https://hooks.slack.com/services/T/B/secretsecretsecret", "slack", ""},
		{"https://HOOKS.slack.com/services/T/B/secretsecretsecret", "slack", ""},
		{"https://discord.com/api/webhooks/1/secretsecretsecret", "discord", ""},
		{"https://canary.discord.com/api/webhooks/1/secretsecretsecret", "discord", ""},
		{"https://prod-1.westeurope.logic.azure.com:443/workflows/1/triggers/manual/paths/invoke?sig=secretsecretsecret", "teams", ""},
		{"https://default1.2.environment.api.powerplatform.com:443/powerautomate/automations/direct/workflows/1?sig=secretsecretsecret", "teams", ""},
		{"https://example.com/secretsecretsecret", "generic", ""},
		{"https://notslack.com/secretsecretsecret", "generic", ""},
		{"https://hooks.slack.com.example.com/secretsecretsecret", "generic", ""},
		{"slack+https://chat.example.com/hooks/secretsecretsecret", "slack", ""},
		{"generic+https://discord.com/secretsecretsecret", "generic", ""},
		{"http://localhost:8080/secretsecretsecret", "generic", ""},
		{"http://127.0.0.1/secretsecretsecret", "generic", ""},
		{"http://example.com/secretsecretsecret", "", "has to be https"},
		{"irc+https://example.com/secretsecretsecret", "", "not the address"},
		{"secretsecretsecret", "", "not the address"},
		{"https:secretsecretsecret", "", "not the address"},
		{"https:///secretsecretsecret", "", "not the address"},
		{"https://exa mple.com/secretsecretsecret", "", "not the address"},
		{"ftp://example.com/secretsecretsecret", "", "not the address"},
	} {
		w, err := ParseWebhook(c.text)
		if string(w.service) != c.service || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: service %q, error %v", c.text, w.service, err)
			continue
		}
		if err != nil {
			if strings.Contains(err.Error(), "secretsecret") {
				t.Errorf("the error has the address: %v", err)
			}
			continue
		}
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if shown := fmt.Sprintf(format, w); strings.Contains(shown, "secretsecret") {
				t.Errorf("%s shows %s", format, shown)
			}
		}
		found := false
		for _, s := range w.Secrets() {
			found = found || s == "secretsecretsecret"
		}
		if !found {
			t.Errorf("%s: its secret is not among %q", c.text, w.Secrets())
		}
	}
}

// hostile names try every service's markup.
var hostile = []string{
	"@everyone", "<!channel>", "<@U1>", "<https://evil.example|click>", "[click](https://evil.example)", "`code` @here", "**bold** _it_ ~~x~~ || spoiler ||",
	"&lt;!here&gt;", "a\nb\r\nc", "\u202eevil", "\x1b[31m", "<at>all</at>", "@{triggerBody()}", "```\n@everyone", "x` <!channel> `y", "https://evil.example/x",
	"evil.example", `back\`, "ends with `", strings.Repeat("n", 5000), strings.Repeat("&", 5000), strings.Repeat("😀", 3000), "",
}

func hostileReport() Report {
	r := Report{Manifest: "<!channel>`@everyone", Checked: 1000, RunURL: "https://ci.example/run?a=1&b=2"}
	for i, name := range hostile {
		f := planner.Drift{Kind: planner.DriftComment, Store: planner.StoreKey{Account: "a", Name: name}, Secret: hostile[len(hostile)-1-i], Counts: true,
			Comment: &planner.Change[string]{Before: "COMMENT-BEFORE", After: "COMMENT-AFTER"}, Status: "STATUS",
			Outside: &planner.OutsideChange{At: "2026-11-27T00:00:00Z", Actor: name, Channel: "<!channel>"}}
		r.Findings = append(r.Findings, f)
	}
	return r
}

// each runs a test with messages about hostile names, one name each and all together.
func each(t *testing.T, test func(t *testing.T, m Message)) {
	whole := hostileReport()
	for i := range whole.Findings {
		one := whole
		one.Findings = whole.Findings[i : i+1]
		t.Run(fmt.Sprint(i), func(t *testing.T) { test(t, Message{Event: EventDrift, New: 1, Report: one}) })
	}
	t.Run("all", func(t *testing.T) { test(t, Message{Event: EventDrift, New: 1, Report: whole}) })
}

// outsideCode returns the parts of a text that are not code, as Slack and Discord read them: code
// ends with its line.
func outsideCode(t *testing.T, text string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		parts := strings.Split(line, "`")
		if len(parts)%2 == 0 {
			t.Errorf("code does not end in its line: %q", line)
		}
		for i := 0; i < len(parts); i += 2 {
			b.WriteString(parts[i] + "\n")
		}
	}
	return b.String()
}

func decode(t *testing.T, body []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	for _, never := range []string{"COMMENT", "STATUS", "\x1b", "\u202e"} {
		if strings.Contains(string(body), never) {
			t.Errorf("it has %q: %.500s", never, body)
		}
	}
}

func TestSlack(t *testing.T) {
	each(t, func(t *testing.T, m Message) {
		var got struct {
			Text                     string
			UnfurlLinks, UnfurlMedia *bool
			Blocks                   []struct {
				Type string
				Text struct {
					Type, Text string
					Verbatim   bool
				}
			}
		}
		decode(t, m.payload(Slack), &got)
		if len(got.Blocks) != 1 || got.Blocks[0].Type != "section" || got.Blocks[0].Text.Type != "mrkdwn" || !got.Blocks[0].Text.Verbatim {
			t.Fatalf("%+v", got)
		}
		text := got.Blocks[0].Text.Text
		if n := len(utf16.Encode([]rune(text))); n > 3000 || n == 0 || text != got.Text {
			t.Errorf("%d characters", n)
		}
		const link = "<https://ci.example/run?a=1&amp;b=2|Open the CI job>"
		rest, found := strings.CutSuffix(text, link)
		if !found {
			t.Errorf("no link: %q", text)
		}
		if strings.ContainsAny(rest, "<>") {
			t.Errorf("markup of Slack: %q", rest)
		}
		if plain := outsideCode(t, rest); strings.ContainsAny(plain, "@_~<>&") || strings.Contains(plain, "evil") {
			t.Errorf("foreign text outside code: %q", plain)
		}
	})
}

func TestDiscord(t *testing.T) {
	each(t, func(t *testing.T, m Message) {
		var got struct {
			Content  string
			Flags    int
			Mentions struct{ Parse []string } `json:"allowed_mentions"`
		}
		decode(t, m.payload(Discord), &got)
		if n := len(utf16.Encode([]rune(got.Content))); n > 2000 || n == 0 {
			t.Errorf("%d characters", n)
		}
		if got.Flags != 4 || got.Mentions.Parse == nil || len(got.Mentions.Parse) > 0 {
			t.Errorf("mentions work: %+v", got)
		}
		rest, found := strings.CutSuffix(got.Content, "<https://ci.example/run?a=1&b=2>")
		if plain := outsideCode(t, rest); !found || strings.ContainsAny(plain, "@_~<>|[]") || strings.Contains(plain, "evil") {
			t.Errorf("foreign text outside code: %q", plain)
		}
	})
}

func TestTeams(t *testing.T) {
	each(t, func(t *testing.T, m Message) {
		type inline struct{ Type, Text, FontType string }
		var got struct {
			Type        string
			Attachments []struct {
				ContentType string
				Content     struct {
					Type, Version string
					Body          []struct {
						Type, Text string
						Inlines    []inline
					}
					Actions []struct{ Type, URL string }
				}
			}
		}
		body := m.payload(Teams)
		decode(t, body, &got)
		if len(body) > 28<<10 || got.Type != "message" || len(got.Attachments) != 1 || got.Attachments[0].ContentType != "application/vnd.microsoft.card.adaptive" {
			t.Fatalf("%d bytes: %+v", len(body), got)
		}
		card := got.Attachments[0].Content
		if card.Type != "AdaptiveCard" || card.Version != "1.4" || len(card.Body) < 2 {
			t.Fatalf("%+v", card)
		}
		if want := []struct{ Type, URL string }{{"Action.OpenUrl", "https://ci.example/run?a=1&b=2"}}; !cmp.Equal(card.Actions, want) {
			t.Errorf("%+v", card.Actions)
		}
		for _, b := range card.Body { // only a TextBlock's text is Markdown
			if b.Type == "TextBlock" && strings.Trim(b.Text, "abcdefghijklmnopqrstuvwxyz0123456789:, ()") != "" {
				t.Errorf("Markdown: %q", b.Text)
			}
			for _, in := range b.Inlines {
				if in.Type != "TextRun" || in.FontType == "" && (strings.Contains(in.Text, "@") || strings.Contains(in.Text, "evil")) {
					t.Errorf("%+v", in)
				}
			}
		}
	})
}

func TestGeneric(t *testing.T) {
	each(t, func(t *testing.T, m Message) {
		var got genericMessage
		decode(t, m.payload(Generic), &got)
		if got.Event != EventDrift || got.SchemaVersion != 1 || got.Findings != len(m.Findings) || len(got.Details) != len(m.Findings) {
			t.Errorf("%+v", got)
		}
		if got.Details[0].ChangedBy == nil || got.Details[0].Secret != m.Findings[0].Secret {
			t.Errorf("%+v", got.Details[0])
		}
	})
	m := Message{Event: EventDrift, Report: Report{Findings: make([]planner.Drift, 100_000)}}
	if body := m.payload(Generic); len(body) > 100_000 || !strings.Contains(string(body), "and 99980 findings more") {
		t.Errorf("%d bytes", len(body))
	}
}

// TestCut: a chat is shown the worst findings, and how many more there are.
func TestCut(t *testing.T) {
	r := Report{Manifest: "m", Complete: true}
	for i := range 300 {
		r.Findings = append(r.Findings, planner.Drift{Kind: planner.DriftUnmanaged, Store: planner.StoreKey{Name: "prod"}, Secret: fmt.Sprint("s", i), Counts: true})
	}
	r.Findings = append(r.Findings, planner.Drift{Kind: planner.DriftDeleted, Store: planner.StoreKey{Name: "prod"}, Secret: "gone", Counts: true})
	for _, s := range []Service{Slack, Discord, Teams} {
		text := string(Message{Event: EventDrift, New: 301, Report: r}.payload(s))
		if !strings.Contains(text, "gone") || !strings.Contains(text, "and 281 findings more") || !strings.Contains(text, "301 findings in 0 secrets") {
			t.Errorf("%s: %s", s, text)
		}
	}
}

// TestLink: the address of a CI job is foreign text, too.
func TestLink(t *testing.T) {
	for url, ok := range map[string]bool{
		"https://gitlab.example/a/-/jobs/1": true, "http://gitlab.example/1": true, "": false, "javascript:alert(1)": false, "https://x/|a>": false,
		"https://x/ <!channel>": false, "https://x/`": false, "https://user:pw@x/": false, "//x/y": false, "https://x/" + strings.Repeat("y", 500): false,
		"https://x/é": false, "https://x/(y)": false, "https://x/\n": false,
	} {
		if got := (Message{Report: Report{RunURL: url}}).link(); (got == url && got != "") != ok {
			t.Errorf("%q: %q", url, got)
		}
	}
}
