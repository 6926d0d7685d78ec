// Package notify sends drift to the webhooks of Slack, Discord and Microsoft Teams, and to any other
// that takes JSON.
//
// [ParseWebhook] reads an address, and [Sender.SendDue] sends each webhook what it was not sent yet:
// [State.Due] says what that is, [Sender.Send] delivers it, and [State.Sent] records that. Anyone with
// a webhook's address can write to it, so an address is a secret: nothing here returns more of it than
// the host.
package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// Service is the kind of message that a webhook takes.
type Service string

// The services. Generic takes JSON that docs/notify.md describes.
const (
	Slack   Service = "slack"
	Discord Service = "discord"
	Teams   Service = "teams"
	Generic Service = "generic"
)

var services = []Service{Slack, Discord, Teams, Generic}

// Webhook is where to send messages.
type Webhook struct {
	service Service
	url     *url.URL
}

// ParseWebhook reads a webhook's address. The host decides which service it is, unless the address
// begins with one, as in "slack+https://chat.example.com/hooks/...". Its errors do not quote text.
func ParseWebhook(text string) (Webhook, error) {
	named := Service("")
	if before, after, ok := strings.Cut(text, "+"); ok && slices.Contains(services, Service(before)) {
		named, text = Service(before), after
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return Webhook{}, errors.New("that is not the address of a webhook, https://HOST/..., or " +
			"SERVICE+https://HOST/... with slack, discord, teams or generic")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return Webhook{}, fmt.Errorf("the address of the webhook at %s begins with http: it is a secret, so it has to be https", u.Hostname())
	}
	u.Fragment = ""
	if named == "" {
		named = serviceOf(u)
	}
	if named == Discord { // without wait, Discord reports no error about a message that it does not keep
		q := u.Query()
		q.Set("wait", "true")
		u.RawQuery = q.Encode()
	}
	return Webhook{service: named, url: u}, nil
}

func isLoopback(host string) bool {
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}

func serviceOf(u *url.URL) Service {
	host := strings.ToLower(u.Hostname())
	under := func(domains ...string) bool {
		return slices.ContainsFunc(domains, func(d string) bool { return host == d || strings.HasSuffix(host, "."+d) })
	}
	switch {
	case under("hooks.slack.com", "hooks.slack-gov.com"):
		return Slack
	case under("discord.com", "discordapp.com"):
		return Discord
	case under("logic.azure.com", "logic.azure.us", "powerplatform.com", "webhook.office.com"):
		return Teams
	}
	return Generic
}

// Host is the part of the address that is not secret.
func (w Webhook) Host() string { return w.url.Host }

// String implements [fmt.Stringer]: it is the host only.
func (w Webhook) String() string { return w.Host() }

// GoString implements [fmt.GoStringer]: it is the host only.
func (w Webhook) GoString() string { return w.Host() }

// minPart is the length from which a part of an address is taken for a secret.
const minPart = 16

// Secrets are the texts that must not be shown: the address, and the long parts of its path and
// query.
func (w Webhook) Secrets() []string {
	all := []string{w.url.String()}
	if uri := w.url.RequestURI(); len(uri) >= minPart {
		all = append(all, uri)
	}
	parts := strings.Split(w.url.Path, "/")
	for _, values := range w.url.Query() {
		parts = append(parts, values...)
	}
	if password, ok := w.url.User.Password(); ok {
		all = append(all, password)
	}
	for _, part := range parts {
		if len(part) >= minPart {
			all = append(all, part)
		}
	}
	return all
}

// id identifies the webhook in a state file. It has so few bits that a guess at the address cannot
// be checked with it.
func (w Webhook) id() string {
	sum := sha256.Sum256([]byte(string(w.service) + "+" + w.url.String()))
	return hex.EncodeToString(sum[:4])
}
