// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Differences;

/// <summary>A request that shows a difference. <paramref name="Host"/> is empty where any will do.</summary>
/// <param name="Headers">"Name: value" each, without Host.</param>
public sealed record RequestExample(string Method, string Path, string Host, IReadOnlyList<string> Headers)
{
    /// <summary>"PUT /public host api X-Token: a".</summary>
    public override string ToString() =>
        string.Join(' ', new[] { Method, Path, Host.Length == 0 ? "" : $"host {Host}" }.Concat(Headers).Where(part => part.Length > 0));
}
