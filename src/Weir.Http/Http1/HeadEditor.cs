// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using System.Text;
using Weir.Http.Rules;

namespace Weir.Http.Http1;

/// <summary>Mends the headers of a request as the rule that allows it wants them; all other bytes stay.</summary>
public static class HeadEditor
{
    /// <summary>Whether a head must be rewritten for these.</summary>
    public static bool Changes(IReadOnlyList<HeaderRule> mismatched)
    {
        ArgumentNullException.ThrowIfNull(mismatched);
        return mismatched.Any(Changes);
    }

    /// <summary>Whether that one must be mended, not only told of.</summary>
    public static bool Changes(HeaderRule mismatched)
    {
        ArgumentNullException.ThrowIfNull(mismatched);
        return mismatched.Mismatch is HeaderMismatch.Add or HeaderMismatch.Delete or HeaderMismatch.Replace;
    }

    /// <summary>Writes the head with the headers mended.</summary>
    /// <param name="request">What <paramref name="head"/> was read into.</param>
    public static void Write(ReadOnlySpan<byte> head, RequestHead request, IReadOnlyList<HeaderRule> mismatched, IBufferWriter<byte> output)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(mismatched);
        ArgumentNullException.ThrowIfNull(output);
        var written = 0;
        for (var i = 0; i < request.HeaderCount; i++)
        {
            var field = request.Header(i);
            if (!IsRemoved(head.Slice(field.NameStart, field.NameLength), head.Slice(field.ValueStart, field.ValueLength), mismatched))
            {
                continue;
            }

            output.Write(head[written..field.NameStart]);
            written = field.NameStart + head[field.NameStart..].IndexOf((byte)'\n') + 1;
        }

        output.Write(head[written..^2]);
        foreach (var header in mismatched.Where(header => header.Mismatch is HeaderMismatch.Add or HeaderMismatch.Replace))
        {
            output.Write(Encoding.UTF8.GetBytes($"{header.Name}: {header.Value}\r\n"));
        }

        output.Write("\r\n"u8);
    }

    private static bool IsRemoved(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, IReadOnlyList<HeaderRule> mismatched)
    {
        foreach (var header in mismatched)
        {
            if (header.Mismatch is HeaderMismatch.Delete or HeaderMismatch.Replace
                && Ascii.EqualsIgnoreCase(name, header.Name)
                && Encoding.UTF8.GetString(value) != header.Value)
            {
                return true;
            }
        }

        return false;
    }
}
