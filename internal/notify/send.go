package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// A message is worth 75 seconds of a job's time, and four attempts. A service that asks for a longer
// pause gets the message with the next run.
const (
	maxTime     = 75 * time.Second
	requestTime = 10 * time.Second
	maxPause    = 30 * time.Second
	retries     = 3
)

// Sender delivers messages.
type Sender struct {
	Transport http.RoundTripper
	UserAgent string
	// Redact returns a body without the values that must not leave.
	Redact func([]byte) []byte
}

// Send delivers a message, and tries again if the service asks for that or does not answer. A
// message may arrive twice, if its answer was lost. It follows no redirect: the message is for
// the named address only. Its errors show no part of the address.
func (s Sender) Send(ctx context.Context, w Webhook, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodPost, w.url.String(), s.Redact(m.payload(w.service)))
	if err != nil {
		return withoutURL(err)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", s.UserAgent)
	resp, err := s.client().Do(req)
	if err != nil {
		return withoutURL(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return nil
	}
	return refused(resp)
}

func (s Sender) client() *retryablehttp.Client {
	return &retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport: s.Transport, Timeout: requestTime,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		RetryMax: retries, RetryWaitMin: time.Second, RetryWaitMax: 8 * time.Second,
		Backoff: retryablehttp.DefaultBackoff, ErrorHandler: retryablehttp.PassthroughErrorHandler,
		CheckRetry: func(ctx context.Context, resp *http.Response, err error) (bool, error) {
			if resp != nil && pauseAsked(resp) > maxPause {
				return false, nil
			}
			return retryablehttp.DefaultRetryPolicy(ctx, resp, err)
		},
	}
}

// pauseAsked is how long a service asks to wait; 0 if it does not.
func pauseAsked(resp *http.Response) time.Duration {
	return retryablehttp.DefaultBackoff(0, 0, 0, resp)
}

// withoutURL is an error of net/http without the address.
func withoutURL(err error) error {
	var failed *url.Error
	switch isURL := errors.As(err, &failed); {
	case errors.Is(err, context.DeadlineExceeded), isURL && failed.Timeout():
		return errors.New("no answer in time")
	case isURL:
		return failed.Err
	}
	return err
}

// refused is the error about an answer that is not a success.
func refused(resp *http.Response) error {
	what := fmt.Sprintf("the answer is %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	if reason := reasonOf(resp.Body); reason != "" {
		what += " (" + reason + ")"
	}
	switch pause := pauseAsked(resp); {
	case pause > maxPause:
		what += fmt.Sprintf(", to wait %s", pause.Round(time.Second))
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		what += ": it leads to another address, which is not followed"
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone,
		resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusUnauthorized:
		what += ": the webhook may have been deleted"
	}
	return errors.New(what)
}

// reasonOf is the answer if it is one word such as Slack's "no_service". Anything else could quote
// the request.
func reasonOf(body io.Reader) string {
	const maxReason = 40
	text, _ := io.ReadAll(io.LimitReader(body, maxReason+1))
	if len(text) > maxReason || strings.Trim(string(text), "abcdefghijklmnopqrstuvwxyz_") != "" {
		return ""
	}
	return string(text)
}
