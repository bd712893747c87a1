// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientv1 "k8s.io/client-go/kubernetes/typed/networking/v1"
	listersv1 "k8s.io/client-go/listers/networking/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/pkg/registry/core/service/ipallocator"
)

// addresses is the part of an API server that holds ServiceCIDR and IPAddress
// objects; the allocator's client and informers are one and the same store, as if
// every watch event arrived at once.
type addresses struct {
	clientv1.NetworkingV1Interface
	clientv1.IPAddressInterface
	given, ranges cache.Indexer
}

func newAddresses(cidrs []string) (*addresses, error) {
	made := &addresses{given: newIndexer(), ranges: newIndexer()}
	for number, cidr := range cidrs {
		name := fmt.Sprintf("range-%d", number)
		if number == 0 {
			name = "kubernetes"
		}
		object := &networkingv1.ServiceCIDR{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec:       networkingv1.ServiceCIDRSpec{CIDRs: []string{cidr}},
		}
		if err := made.ranges.Add(object); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// allocator is the API server's allocator for one family, once it knows every range.
func (a *addresses) allocator(isIPv6 bool) (ipallocator.Interface, error) {
	ranges := newInformer(a.ranges, listersv1.NewServiceCIDRLister)
	given := newInformer(a.given, listersv1.NewIPAddressLister)
	made, err := ipallocator.NewMetaAllocator(a, ranges, given, isIPv6, nil)
	if err != nil {
		return nil, err
	}
	ranges.announce()
	// The ranges come by a queue; all of them are taken in at once. As long as there
	// are none, what a dry run gets is no allocator of a range.
	for limit := time.Now().Add(10 * time.Second); time.Now().Before(limit); time.Sleep(time.Millisecond) {
		if _, none := made.DryRun().(*ipallocator.Allocator); !none {
			return made, nil
		}
	}
	made.Destroy()
	return nil, errors.New("the allocator did not take the ranges in within 10 s")
}

// clear takes every address back.
func (a *addresses) clear() error { return a.given.Replace(nil, "") }

// IPAddresses is the client of IPAddress objects.
func (a *addresses) IPAddresses() clientv1.IPAddressInterface { return a }

func (a *addresses) Create(
	_ context.Context, address *networkingv1.IPAddress, _ metav1.CreateOptions,
) (*networkingv1.IPAddress, error) {
	if _, exists, _ := a.given.GetByKey(address.Name); exists {
		return nil, apierrors.NewAlreadyExists(networkingv1.Resource("ipaddresses"), address.Name)
	}
	return address, a.given.Add(address)
}

func (a *addresses) Get(_ context.Context, name string, _ metav1.GetOptions) (*networkingv1.IPAddress, error) {
	return listersv1.NewIPAddressLister(a.given).Get(name)
}

func (a *addresses) Delete(_ context.Context, name string, _ metav1.DeleteOptions) error {
	object, exists, err := a.given.GetByKey(name)
	if err != nil || !exists {
		return apierrors.NewNotFound(networkingv1.Resource("ipaddresses"), name)
	}
	return a.given.Delete(object)
}
