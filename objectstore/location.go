package objectstore

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// Schemes of a [Location].
const (
	SchemeS3 = "s3" // S3 and compatible stores
	SchemeR2 = "r2" // Cloudflare R2
)

// Location is a bucket, or a folder or object in one.
type Location struct {
	Scheme string
	// Account is the id of the account that an R2 bucket is in; empty if the URL does not name it.
	Account string
	Bucket  string
	Path    string // without slashes at its ends; empty for the whole bucket
}

// String returns the URL.
func (l Location) String() string {
	url := l.Scheme + "://"
	if l.Account != "" {
		url += l.Account + "/"
	}
	return strings.TrimSuffix(url+l.Bucket+"/"+l.Path, "/")
}

// Split returns the folder that an object is in, and the object's name there.
func (l Location) Split() (folder Location, name string) {
	dir, name := path.Split(l.Path)
	l.Path = strings.TrimSuffix(dir, "/")
	return l, name
}

// IsURL reports whether text is meant as the URL of a [Location], and not as a path of a file.
func IsURL(text string) bool { return strings.Contains(text, "://") }

// Characters of buckets' names, accounts' ids and paths. Regular expressions would be compiled at every start.
const (
	bucketEnds = "abcdefghijklmnopqrstuvwxyz0123456789"
	bucketForm = bucketEnds + ".-"
	hexDigits  = "0123456789abcdefABCDEF"
	pathForm   = bucketEnds + "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + "._~+=@,-"
)

// hasOnly reports whether all characters of text are among some.
func hasOnly(text, characters string) bool { return strings.Trim(text, characters) == "" }

// maxPath leaves room for the keys below it: keys of S3 have up to 1,024 bytes.
const maxPath = 512

// Parse reads a URL: s3://BUCKET/PATH, r2://BUCKET/PATH or r2://ACCOUNT/BUCKET/PATH, where PATH may
// be missing. If the first part of an r2 URL with a second one is 32 hexadecimal digits, it is the
// account. Errors do not quote the URL, because it may contain a credential.
func Parse(url string) (Location, error) {
	scheme, rest, found := strings.Cut(url, "://")
	if !found || scheme != SchemeS3 && scheme != SchemeR2 {
		return Location{}, errors.New(`the URL of a bucket begins with "s3://" or "r2://"`)
	}
	host, _, _ := strings.Cut(rest, "/")
	switch {
	case strings.Contains(host, "@"):
		return Location{}, errors.New("the URL contains a credential: remove everything up to the @, and set" +
			" AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, instead; if the URL was shared, replace the credential")
	case strings.ContainsAny(rest, "?#"):
		return Location{}, errors.New("the URL has a query or a fragment:" +
			" options such as the region come from the environment (AWS_REGION, AWS_ENDPOINT_URL_S3)")
	case strings.Contains(host, ":"):
		return Location{}, errors.New("the URL names a bucket, not a host and a port: set AWS_ENDPOINT_URL_S3 to the address of the object store")
	case host == "":
		return Location{}, fmt.Errorf("the URL names no bucket: write %s://BUCKET/PREFIX", scheme)
	}
	l := Location{Scheme: scheme}
	l.Bucket, l.Path, _ = strings.Cut(rest, "/")
	if scheme == SchemeR2 && len(l.Bucket) == 32 && hasOnly(l.Bucket, hexDigits) && l.Path != "" {
		l.Account = strings.ToLower(l.Bucket)
		l.Bucket, l.Path, _ = strings.Cut(l.Path, "/")
	}
	if !validBucket(l.Bucket) {
		return Location{}, errors.New("the bucket's name is not valid: it has 3 to 63 lower-case letters, digits, hyphens and dots")
	}
	return l, l.checkPath()
}

func validBucket(name string) bool {
	n := len(name)
	return n >= 3 && n <= 63 && hasOnly(name, bucketForm) && hasOnly(name[:1], bucketEnds) && hasOnly(name[n-1:], bucketEnds) &&
		!strings.Contains(name, "..")
}

func (l Location) checkPath() error {
	if l.Path == "" {
		return nil
	}
	if strings.HasSuffix(l.Path, "/") {
		return errors.New("the URL ends with a slash: remove it")
	}
	if len(l.Path) > maxPath {
		return fmt.Errorf("the path in the bucket has %d bytes, more than %d", len(l.Path), maxPath)
	}
	for part := range strings.SplitSeq(l.Path, "/") {
		switch {
		case part == "":
			return errors.New("the URL has two slashes in a row after the bucket: remove one")
		case part == "." || part == "..":
			return fmt.Errorf("the path in the bucket contains %q: object stores have no relative paths", part)
		case !hasOnly(part, pathForm):
			return errors.New(`the path in the bucket has characters other than letters, digits and "-", "_", ".", "~", "+", "=", "@", ","`)
		}
	}
	return nil
}
