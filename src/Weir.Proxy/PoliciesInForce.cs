// SPDX-License-Identifier: Apache-2.0
namespace Weir.Proxy;

/// <summary>The policies that requests are judged by from now on. Any thread may read them.</summary>
internal sealed class PoliciesInForce
{
    private volatile PolicySnapshot _current = PolicySnapshot.Empty;

    public PolicySnapshot Current
    {
        get => _current;
        set => _current = value;
    }
}
