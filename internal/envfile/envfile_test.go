package envfile

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/syntax"
)

// describe lists what a file says.
func describe(name, text string) string {
	f, err := Parse(name, []byte(text))
	if err != nil {
		return err.Error()
	}
	var all []string
	for _, e := range f.Entries {
		line := fmt.Sprintf("%s %s=%q", e.Pos, e.Name, e.Value.Reveal())
		if e.Setting {
			line += " setting"
		}
		if bad := e.Check(); bad != nil {
			line += " " + bad.What
		}
		all = append(all, line)
	}
	for _, n := range f.Notes {
		all = append(all, n.Error())
	}
	return strings.Join(all, "\n")
}

func TestParse(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{".dev.vars", "\ufeffA=1\r\n\r\n# c\r\nB=\"x\r\ny\"\r\nC='z'", `.dev.vars:1:1 A="1"|.dev.vars:4:1 B="x\ny"|.dev.vars:6:1 C="z"`},
		{".dev.vars", "A=1\nB=2\nA=3", `.dev.vars:3:1 A="3"|.dev.vars:2:1 B="2"|.dev.vars:3:1: sets the name of line 1 again: the last value counts, as for wrangler`},
		{".dev.vars", "CLOUDFLARE_API_TOKEN=x", `.dev.vars:1:1 CLOUDFLARE_API_TOKEN="x"`},
		{".env.local", "CLOUDFLARE_API_TOKEN=x", `.env.local:1:1 CLOUDFLARE_API_TOKEN="x" setting`},
		{"a/.env", "A=$B", `a/.env:1:1 A="$B" the value depends on the command: wrangler dev replaces $NAME and \$ in .env files, and wrangler secret bulk does not`},
		{"prod.env", "A=$B", `prod.env:1:1 A="$B"`},
		{".env", "A=5$ $1", `.env:1:1 A="5$ $1"`},
		{"x", "A=b#c", `x:1:1 A="b"|x:1:1: the value ends at a #, where wrangler takes the rest for a comment (put the value in quotes if the # belongs to it)`},
		{"x", "A=b #c", `x:1:1 A="b"`},
		{"x", "A='b'#c", `x:1:1 A="b"`},
		{"x", "A=#c", `x:1:1 A="" the value is empty, and Cloudflare has no empty secrets`},
		{"x", "A=\"b", `x:1:1 A="\"b"|x:1:1: the value begins with a quote that is never closed: for wrangler it is a part of the value (close it, or remove it)`},
		{"x", "A=1\nset -a\nB=2", `x:2:1: wrangler ignores this line: it is not NAME=VALUE (if it belongs to the value above, put that in quotes; otherwise begin the line with #)`},
		{"x", "# nothing\n", `x: holds no value (want NAME=VALUE, one a line, or a JSON object of strings)`},
		{"x", ` {"A": "\u00e9\n", "B": ""}`, `x:1:3 A="é\n"|x:1:20 B="" the value is empty, and Cloudflare has no empty secrets`},
		{"x", `["A"]`, `x:1:1: must be an object, not a list (want {"NAME": "value", ...})`},
		{"x", `{"A": 1}`, `x:1:7: the value of "A" is an integer (write it as a string, in quotes)`},
		{"x", `{"a b": "1"}`, `x:1:2 a b="1" Cloudflare refuses this name`},
		{"x", "A=ref+vault://a", `x:1:1 A="ref+vault://a" the value is a reference to a secret, and not the secret`},
		{"x", "A=1\x00", `x: is not text: it has a zero byte`},
		{"x", "A\x00=\x001\x00", `x: is encoded in UTF-16 (save it as UTF-8: > in Windows PowerShell writes UTF-16)`},
		{"x", "", "x: is empty"},
	} {
		want := strings.ReplaceAll(tt.want, "|", "\n")
		if got := describe(tt.name, tt.text); got != want {
			t.Errorf("%q:\n got %s\nwant %s", tt.text, got, want)
		}
	}
}

// FuzzParse checks that every value is found, whatever a file holds, and that no error quotes one.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"A=1", `{"A": "1"}`, "export A='x\ny' # z", "A: `b`", "A=\u2028'", "{", "sops_mac=ENC["} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		const canary = "hunter2-canary"
		file, err := Parse(".dev.vars", []byte("FIRST="+canary+"\n"+text))
		var list syntax.ErrorList
		switch {
		case err != nil && (!errors.As(err, &list) || strings.Contains(err.Error(), canary)):
			t.Errorf("not a list of mistakes, or it quotes a value: %v", err)
		case err == nil && len(file.Entries) == 0:
			t.Error("no entry and no error")
		}
		if err == nil {
			for _, n := range append(file.Notes, file.Entries[0].Check()) {
				if n != nil && strings.Contains(n.Error(), canary) {
					t.Errorf("it quotes a value: %v", n)
				}
			}
		}
	})
}
