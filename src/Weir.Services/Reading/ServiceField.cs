// SPDX-License-Identifier: Apache-2.0
namespace Weir.Services.Reading;

/// <summary>The part of a service that a fault is about.</summary>
internal enum ServiceField
{
    Whole,
    Name,
    Frontends,
    Backends,
    Selector,
    TargetPort,
    Affinity,
    HealthCheck,
}
