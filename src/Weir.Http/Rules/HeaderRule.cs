// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Rules;

/// <summary>A header that a request must carry. <paramref name="Value"/> is the whole value, exactly; null: any.</summary>
public sealed record HeaderRule(string Name, string? Value, HeaderMismatch Mismatch = HeaderMismatch.Refuse)
{
    public override string ToString() => Value is null ? $"header {Name}" : $"header {Name}: {Value}";
}
