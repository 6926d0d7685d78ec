package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"github.com/secretsync/secretsync/internal/visible"
	"github.com/secretsync/secretsync/objectstore"
)

// answer is what a store answered to a request that failed. Its zero value means that there was no
// answer.
type answer struct {
	status        int
	code, message string
	region        string // where the bucket is, if the answer says so
}

func (a answer) String() string {
	text := visible.Text(a.code)
	if a.status != 0 {
		text = strings.TrimSpace(fmt.Sprintf("%d %s", a.status, text))
	}
	if a.message != "" {
		const most = 300
		text += ": " + visible.Text(strings.ToValidUTF8(a.message[:min(len(a.message), most)], ""))
	}
	return text
}

// parse returns the answer that an error of the SDK describes.
func parse(err error) answer {
	var a answer
	if e, ok := errors.AsType[interface {
		error
		ErrorCode() string
		ErrorMessage() string
	}](err); ok {
		a.code, a.message = e.ErrorCode(), e.ErrorMessage()
	}
	if e, ok := errors.AsType[*awshttp.ResponseError](err); ok && e.Response != nil {
		a.status = e.HTTPStatusCode()
		a.region = e.Response.Header.Get("X-Amz-Bucket-Region")
	}
	return a
}

// is reports whether the code is one of codes.
func (a answer) is(codes ...string) bool { return slices.Contains(codes, a.code) }

// missing reports whether there is no object under the key.
func (a answer) missing() bool {
	return a.code == "NoSuchKey" || a.status == http.StatusNotFound && a.code != "NoSuchBucket"
}

// unsupported reports whether a store does not implement a request.
func (a answer) unsupported() bool {
	return a.status == http.StatusNotImplemented || a.status == http.StatusMethodNotAllowed ||
		a.is("NotImplemented", "MissingContentMD5", "InvalidRequest", "MalformedXML", "MissingContentLength")
}

// busy reports whether a store refused a request for now.
func (a answer) busy() bool {
	return a.status == http.StatusTooManyRequests || a.status == http.StatusRequestTimeout || a.status == http.StatusConflict ||
		a.is("SlowDown", "TooManyRequests", "ThrottlingException", "RequestLimitExceeded", "RequestTimeout",
			"ConditionalRequestConflict", "OperationAborted")
}

// wrongRegion reports whether the request went to another region than the bucket's.
func (a answer) wrongRegion() bool {
	return a.status == http.StatusMovedPermanently || a.status == http.StatusTemporaryRedirect ||
		a.is("PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "InvalidRegionName")
}

// explain returns what an error of the SDK means. verb is the attempted operation.
func (s *Store) explain(ctx context.Context, verb, key string, err error) error {
	address := s.String() + "/" + key
	a := parse(err)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s %s: %w", verb, address, ctx.Err())
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s %s: the object store did not answer in time", verb, address)
	case a == answer{}:
		return fmt.Errorf("%s %s: %w", verb, address, err)
	}
	return fmt.Errorf("%s %s: %w", verb, address, s.classify(verb, a))
}

// classify returns the error of package objectstore that an answer means.
func (s *Store) classify(verb string, a answer) error {
	switch {
	case a.code == "NoSuchBucket":
		return refusal(a, fmt.Sprintf("there is no bucket %s at this endpoint or in this account: create it, or correct the URL",
			s.location.Bucket))
	case a.missing() && verb == "write": // a version of an object that is gone
		return fmt.Errorf("%w (%s)", objectstore.ErrConflict, a)
	case a.missing():
		return objectstore.ErrNotExist
	case a.status == http.StatusPreconditionFailed:
		return fmt.Errorf("%w (%s)", objectstore.ErrConflict, a)
	case a.busy():
		return fmt.Errorf("%w (%s)", objectstore.ErrBusy, a)
	case a.wrongRegion() && a.region != "":
		return refusal(a, fmt.Sprintf("the bucket is in the region %s: set AWS_REGION to it", visible.Text(a.region)))
	case a.wrongRegion():
		return refusal(a, "the bucket is in another region: set AWS_REGION to it")
	case a.is("ExpiredToken", "TokenRefreshRequired", "ExpiredTokenException"):
		return refusal(a, "the credentials have expired: sign in again")
	case a.is("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidClientTokenId"):
		return refusal(a, "the credentials are not valid here:"+
			" check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, and the endpoint")
	case a.code == "RequestTimeTooSkewed":
		return refusal(a, "the clock of this machine is wrong: set it")
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		advice := fmt.Sprintf("the credentials may not %s this object: allow GetObject, PutObject and DeleteObject below %s", verb, s)
		if verb == "read" {
			// S3 answers this for an object that does not exist, too, without this permission. If it were
			// taken for missing, a lockfile or a journal that this run may not read would be overlooked.
			advice += "; on S3, allow s3:ListBucket on the bucket, too: without it, S3 does not say that an object is missing"
		}
		return refusal(a, advice)
	case a.status == http.StatusNotImplemented:
		return refusal(a, "the object store does not support conditional writes")
	case a.status >= 400 && a.status < 500:
		return refusal(a, "")
	}
	return errors.New(a.String()) // whether it took effect is unknown
}

func refusal(a answer, advice string) error {
	if advice == "" {
		return fmt.Errorf("%w (%s)", objectstore.ErrRefused, a)
	}
	return fmt.Errorf("%w (%s): %s", objectstore.ErrRefused, a, advice)
}
