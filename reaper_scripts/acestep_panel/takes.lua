-- The takes of the first selected item, read from REAPER each frame. Changes nothing.

local takes = {}

local function text_of(take, key)
  local ok, text = reaper.GetSetMediaItemTakeInfo_String(take, key, '', false)
  return ok and text or ''
end

-- A table {count, at, name, ours, others, lanes}: which of how many takes plays, its name, whether it is ours, how many
-- of the others are, whether its track has fixed lanes; nil where no item is selected, or it is empty.
function takes.of_selection()
  local item = reaper.GetSelectedMediaItem(0, 0)
  if not item then
    return nil
  end
  local active, found = reaper.GetActiveTake(item), { count = 0, at = 0, name = '', ours = false, others = 0 }
  for index = 0, reaper.CountTakes(item) - 1 do
    local take = reaper.GetTake(item, index)
    if take then
      found.count = found.count + 1
      local ours = text_of(take, 'P_EXT:acestep_job') ~= ''
      if take == active then
        found.at, found.name, found.ours = found.count, text_of(take, 'P_NAME'), ours
      elseif ours then
        found.others = found.others + 1
      end
    end
  end
  found.lanes = reaper.GetMediaTrackInfo_Value(reaper.GetMediaItem_Track(item), 'I_FREEMODE') == 2
  return found.at > 0 and found or nil
end

return takes
