// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy;

/// <summary>As seen from the endpoint that judges; numbers as in the datapath.</summary>
public enum PolicyDirection : byte
{
    Ingress = 0,
    Egress = 1,
}
