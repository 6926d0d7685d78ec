package cloudflare

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestConfigIsChecked(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Config)
		want   string // in the error; empty for none
	}{
		{"good", func(*Config) {}, ""},
		{"loopback by name", func(c *Config) { c.BaseURL = "http://localhost:8787/client/v4" }, ""},
		{"loopback by address", func(c *Config) { c.BaseURL = "http://127.0.0.1:8787" }, ""},
		{"loopback in IPv6", func(c *Config) { c.BaseURL = "http://[::1]:8787/" }, ""},
		{"plain http", func(c *Config) { c.BaseURL = "http://api.cloudflare.com/client/v4" }, "https://"},
		{"loopback look-alike", func(c *Config) { c.BaseURL = "http://localhost.example.com" }, "https://"},
		{"any address", func(c *Config) { c.BaseURL = "http://0.0.0.0:1" }, "https://"},
		{"other scheme", func(c *Config) { c.BaseURL = "ftp://localhost" }, "https://"},
		{"no URL", func(c *Config) { c.BaseURL = "api.cloudflare.com" }, "base URL"},
		{"empty URL", func(c *Config) { c.BaseURL = "" }, "base URL"},
		{"password in URL", func(c *Config) { c.BaseURL = "https://u:" + token + "@api.cloudflare.com" }, "base URL"},
		{"query in URL", func(c *Config) { c.BaseURL = "https://api.cloudflare.com/?a=" + token }, "base URL"},
		{"short account id", func(c *Config) { c.AccountID = account[1:] }, "dash.cloudflare.com"},
		{"token as account id", func(c *Config) { c.AccountID = token }, "dash.cloudflare.com"},
		{"account id that climbs", func(c *Config) { c.AccountID = account + "/.." }, "dash.cloudflare.com"},
		{"no token", func(c *Config) { c.Token = "" }, "token"},
		{"token with line end", func(c *Config) { c.Token = token + "\n" }, "token"},
		{"token not ASCII", func(c *Config) { c.Token = token + "ü" }, "token"},
		{"negative timeout", func(c *Config) { c.RequestTimeout = -time.Second }, "timeout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config(nil)
			tt.change(&cfg)
			c, err := New(cfg)
			if tt.want == "" {
				if err != nil || c == nil {
					t.Errorf("error %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), token) {
				t.Errorf("error %v, want one about %s, without the token", err, tt.want)
			}
		})
	}
}

// An account has one address, however its id is written.
func TestAccountIDInCapitals(t *testing.T) {
	cfg := config(nil)
	cfg.AccountID = strings.ToUpper(account)
	c, err := New(cfg)
	if err != nil || c.account != account {
		t.Errorf("%v, %v; want the account %s", c, err, account)
	}
	if id, err := ParseAccountID(cfg.AccountID); err != nil || string(id) != account {
		t.Errorf("%q, %v; want %s", id, err, account)
	}
}

func TestTokenIsNotPrinted(t *testing.T) {
	cfg := config(nil)
	c := newClient(t, nil)
	var log logged
	for _, v := range []any{cfg, &cfg, []Config{cfg}, c, struct{ C *Client }{c}} {
		out := fmt.Sprintf("%v %+v %#v %s %q %x", v, v, v, v, v, v)
		text, _ := json.Marshal(v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		log.logger().Info("x", "v", v)
		out += string(text) + log.String()
		for _, needle := range []string{token, fmt.Sprintf("%x", token), fmt.Sprint([]byte(token))} {
			if strings.Contains(out, needle) {
				t.Errorf("%T shows the token", v)
			}
		}
	}
	if out := fmt.Sprint(cfg); !strings.Contains(out, account) {
		t.Errorf("a config prints as %s", out)
	}
}
