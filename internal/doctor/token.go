package doctor

import (
	"fmt"
	"strings"
	"time"

	"github.com/secretsync/secretsync/internal/cloudflare/tokens"
)

func (x *examination) token(a *account) Check {
	c := Check{Name: "token", Subject: x.TokenName(a.tokenEnv), Status: Error, Facts: Facts{AccountID: string(a.id)}}
	if a.noClient != nil {
		found := x.failed("token", c.Subject, Warning, a.noClient)
		found.Facts = c.Facts
		return found
	}
	switch {
	case a.unreached() != nil:
		c.Status, c.Message = Skipped, a.unusable()
		return c
	case a.tokenErr != nil:
		found := x.failed("token", c.Subject, Warning, x.timely(a.tokenErr))
		found.Facts = c.Facts
		return found
	}
	t := a.token
	c.Token, c.Owner, c.NotBefore, c.Expires = t.State, t.Owner, known(t.NotBefore), known(t.Expires)
	now := x.Config.API.Now()
	left := t.Expires.Sub(now)
	c.Hint = "create another at https://dash.cloudflare.com/profile/api-tokens, and set " + c.Subject
	switch {
	case t.State == "":
		return Check{Name: "token", Subject: c.Subject, Status: Skipped, Message: "this API does not verify tokens", Facts: c.Facts}
	case t.State == tokens.Invalid:
		c.Message = "invalid: " + t.Reason
	case t.State == tokens.Expired && !t.Expires.IsZero():
		c.Message = "expired at " + t.Expires.UTC().Format(time.RFC3339)
	case t.State != tokens.Active:
		c.Message = t.State
	case now.Before(t.NotBefore):
		c.Message, c.Hint = "not valid before "+t.NotBefore.UTC().Format(time.RFC3339), "wait until then, or create another"
	case t.Expires.IsZero():
		c.Status, c.Message, c.Hint = OK, "valid, "+ownerWords[t.Owner]+", without an end", ""
	default:
		c.Message = fmt.Sprintf("valid, %s, until %s", ownerWords[t.Owner], t.Expires.UTC().Format(time.RFC3339))
		c.Status = Warning
		if left > soon {
			c.Status, c.Hint = OK, ""
		}
	}
	return c
}

var ownerWords = map[tokens.Owner]string{tokens.User: "of a user", tokens.Account: "of an account", tokens.Unknown: "of an unknown owner"}

// known returns nil for the zero time.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

var grantedWords = map[Granted]string{Yes: "has", No: "lacks", NotKnown: "not known"}

func (x *examination) permissions(a *account) Check {
	const name = "permissions"
	subject := x.TokenName(a.tokenEnv)
	if why := a.unusable(); why != "" {
		return Check{Name: name, Subject: subject, Status: Skipped, Message: why, Facts: Facts{AccountID: string(a.id)}}
	}
	c := Check{Name: name, Subject: subject, Status: OK, Facts: Facts{AccountID: string(a.id), Permissions: a.granted}}
	by := map[Granted][]string{}
	for _, permission := range append([]string{storeRead}, probed...) {
		g := a.granted[permission]
		by[g] = append(by[g], permission)
	}
	by[NotKnown] = append(by[NotKnown], storeWrite) // only a write would show it
	for _, g := range []Granted{Yes, No, NotKnown} {
		if len(by[g]) > 0 {
			c.Message = strings.TrimPrefix(c.Message+"; "+grantedWords[g]+": "+strings.Join(by[g], ", "), "; ")
		}
	}
	if a.granted[storeRead] == No {
		c.Status, c.Hint = Error, `give the token "Secrets Store Write" for this account; to plan and check drift, "Secrets Store Read"`
	}
	return c
}
