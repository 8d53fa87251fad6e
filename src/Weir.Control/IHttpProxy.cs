// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Rules;

namespace Weir.Control;

/// <summary>The proxy, as the control plane needs it.</summary>
public interface IHttpProxy
{
    /// <summary>
    /// Puts these policies in force in the proxy, in place of all others, and waits for it. Where the proxy does
    /// not answer it gets them when it does: until then flows that need it do not pass.
    /// </summary>
    void Enforce(IReadOnlyCollection<HttpPolicy> policies);
}
