package s3

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"

	"github.com/secretsync/secretsync/internal/visible"
	"github.com/secretsync/secretsync/objectstore"
)

// credentialsTimeout limits the search for credentials. Outside AWS, the SDK would look for an EC2
// instance's credentials for many seconds; a sign-in that runs another program or asks another
// service may take a few seconds.
const credentialsTimeout = 10 * time.Second

// Options describe how a store is opened.
type Options struct {
	// Account is the id of the account that an r2 URL means if it names none.
	Account string
}

// Open returns the store in a bucket. Objects are kept under the location's path.
//
// Endpoint, region and credentials come from where AWS's tools look for them: AWS_ENDPOINT_URL_S3,
// AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE and the
// shared configuration, and the instance that the program runs on. The endpoint of an r2 URL is
// derived from the account's id, unless one is set, such as that of a jurisdiction; its region is
// always "auto".
//
// Open reads the credentials, so that it fails if there are none. It sends no request to the bucket.
func Open(ctx context.Context, l objectstore.Location, opt Options) (*Store, error) {
	cfg, err := config.LoadDefaultConfig(ctx,
		// Stores other than S3 know no other checksums, or none.
		config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired),
		config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenRequired),
		config.WithLogger(logging.Nop{})) // it would write to standard error
	if err != nil {
		return nil, fmt.Errorf("%s: read the configuration of AWS: %w", l, configError(err))
	}
	if err := checkCredentials(ctx, l, cfg, credentialsTimeout); err != nil {
		return nil, err
	}
	var noAccount, noRegion bool
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		// [objectstore.Put] repeats requests, because it can recognise their effect.
		o.Retryer = aws.NopRetryer{}
		o.DisableLogOutputChecksumValidationSkipped = true
		if l.Scheme == objectstore.SchemeR2 {
			account := l.Account
			if account == "" {
				account = opt.Account
			}
			noAccount = account == "" && o.BaseEndpoint == nil
			if o.BaseEndpoint == nil {
				o.BaseEndpoint = aws.String("https://" + account + ".r2.cloudflarestorage.com")
			}
			o.Region = "auto"
		}
		// Most stores but S3 itself have no host names for buckets.
		o.UsePathStyle = o.BaseEndpoint != nil
		if o.Region == "" && o.BaseEndpoint != nil {
			o.Region = "us-east-1"
		}
		noRegion = o.Region == ""
	})
	switch {
	case noAccount:
		return nil, fmt.Errorf("%w: %s: the account is unknown: write r2://ACCOUNT_ID/%s", objectstore.ErrRefused, l, l.Bucket)
	case noRegion:
		return nil, fmt.Errorf("%w: %s: the region is unknown: set AWS_REGION to the region of the bucket,"+
			" or AWS_ENDPOINT_URL_S3 to the address of another object store than AWS", objectstore.ErrRefused, l)
	}
	return &Store{client: client, location: l}, nil
}

// checkCredentials returns an error if no credentials are found in time. It quotes only what a service
// answered: other errors may contain parts of files.
func checkCredentials(ctx context.Context, l objectstore.Location, cfg aws.Config, most time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	_, err := cfg.Credentials.Retrieve(limited)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	keys := "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
	if l.Scheme == objectstore.SchemeR2 {
		keys += " (of an R2 API token, from the dashboard)"
	}
	detail := ""
	if a := parse(err); a.code != "" {
		detail = fmt.Sprintf(" (the last answer: %s)", a)
	}
	return fmt.Errorf("%w: there are no credentials for %s: set %s, or AWS_PROFILE%s", objectstore.ErrRefused, l, keys, detail)
}

// configError returns what may be shown of an error about the shared configuration: not the lines
// of the file, which contains credentials.
func configError(err error) error {
	if e, ok := errors.AsType[config.SharedConfigProfileNotExistError](err); ok {
		return fmt.Errorf("%w: there is no profile %q: check AWS_PROFILE", objectstore.ErrRefused, visible.Text(e.Profile))
	}
	return fmt.Errorf("%w: a file is not valid: check AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE,"+
		" or ~/.aws/config and ~/.aws/credentials", objectstore.ErrRefused)
}
