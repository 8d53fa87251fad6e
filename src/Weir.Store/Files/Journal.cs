// SPDX-License-Identifier: Apache-2.0

namespace Weir.Store.Files;

/// <summary>The file that transactions are appended to: one record and one sync each.</summary>
internal sealed class Journal : IDisposable
{
    private readonly IDiskFile _file;

    /// <param name="length">Of what is whole in it.</param>
    /// <param name="lastNumber">Of the last record.</param>
    internal Journal(IDiskFile file, long length, long lastNumber)
    {
        _file = file;
        Length = length;
        LastNumber = lastNumber;
    }

    internal long Length { get; private set; }

    internal long LastNumber { get; private set; }

    /// <summary>Whether the disk has what is here cannot be known any more: another journal has to take its place.</summary>
    internal bool IsBroken { get; private set; }

    internal static Journal Create(IDisk disk, string name, FileHeader header)
    {
        IDiskFile file = disk.Create(name);
        try
        {
            file.Append(header.Encode(isSnapshot: false));
            file.Sync();
            return new Journal(file, FileHeader.Size, header.LastNumber);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>When it returns, the record lasts. When it throws, nothing of it is left.</summary>
    internal void Append(ReadOnlySpan<byte> payload)
    {
        if (payload.Length > Frame.MaxPayload)
        {
            throw new IOException($"{payload.Length} bytes are more than one transaction may have");
        }

        byte[] frame = Frame.Encode(LastNumber + 1, payload);
        try
        {
            _file.Append(frame);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            TakeBack();
            throw;
        }

        try
        {
            _file.Sync();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The kernel says once that it could not write, and calls the pages clean: a second sync would promise nothing.
            IsBroken = true;
            TakeBack();
            throw;
        }

        LastNumber++;
        Length += frame.Length;
    }

    public void Dispose() => _file.Dispose();

    private void TakeBack()
    {
        try
        {
            _file.Truncate(Length);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            IsBroken = true;
        }
    }
}
