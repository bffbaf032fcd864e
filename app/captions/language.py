"""A language as people write it (BCP 47) comes in, as an mp4's tracks name it (ISO 639-2/T) goes out."""

from __future__ import annotations

import re
from typing import Final

UNKNOWN: Final = "und"
_TAG: Final = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_WORD: Final = re.compile(r"[a-z]+")

_SHORT: Final[dict[str, str]] = {
    pair[:2]: pair[2:]
    for pair in _WORD.findall(
        """
        aaaar ababk aeave afafr akaka amamh anarg arara asasm avava ayaym azaze babak bebel bgbul bhbih bibis bmbam
        bnben bobod brbre bsbos cacat ceche chcha cocos crcre csces cuchu cvchv cycym dadan dedeu dvdiv dzdzo eeewe
        elell eneng eoepo esspa etest eueus fafas ffful fifin fjfij fofao frfra fyfry gagle gdgla glglg gngrn guguj
        gvglv hahau heheb hihin hohmo hrhrv hthat huhun hyhye hzher iaina idind ieile igibo iiiii ikipk ioido isisl
        itita iuiku jajpn jvjav kakat kgkon kikik kjkua kkkaz klkal kmkhm knkan kokor krkau kskas kukur kvkom kwcor
        kykir lalat lbltz lglug lilim lnlin lolao ltlit lulub lvlav mgmlg mhmah mimri mkmkd mlmal mnmon mrmar msmsa
        mtmlt mymya nanau nbnob ndnde nenep ngndo nlnld nnnno nonor nrnbl nvnav nynya ococi ojoji omorm orori ososs
        papan pipli plpol pspus ptpor quque rmroh rnrun roron rurus rwkin sasan scsrd sdsnd sesme sgsag sisin skslk
        slslv smsmo snsna sosom sqsqi srsrp ssssw stsot susun svswe swswa tatam tetel tgtgk ththa titir tktuk tltgl
        tntsn toton trtur tstso tttat twtwi tytah uguig ukukr ururd uzuzb veven vivie vovol wawln wowol xhxho yiyid
        yoyor zazha zhzho zuzul
        """
    )
}
"""Codes of ISO 639-1, each with its own of ISO 639-2/T behind it."""

_LONG: Final = frozenset(
    _WORD.findall(
        """
        ace ach ada ady afa afh ain akk ale alg alt ang anp apa arc arn arp art arw ast ath aus awa bad bai bal ban
        bas bat bej bem ber bho bik bin bla bnt bra btk bua bug byn cad cai car cau ceb cel chb chg chk chm chn cho
        chp chr chy cmc cnr cop cpe cpf cpp crh crp csb cus dak dar day del den dgr din doi dra dsb dua dum dyu efi
        egy eka elx enm ewo fan fat fil fiu fon frm fro frr frs fur gaa gay gba gem gez gil gmh goh gon gor got grb
        grc gsw gwi hai haw hil him hit hmn hsb hup iba ijo ilo inc ine inh ira iro jbo jpr jrb kaa kab kac kam kar
        kaw kbd kha khi kho kmb kok kos kpe krc krl kro kru kum kut lad lah lam lez lol loz lua lui lun luo lus mad
        mag mai mak man map mas mdf mdr men mga mic min mis mkh mnc mni mno moh mos mul mun mus mwl mwr myn myv nah
        nai nap nds new nia nic niu nog non nqo nso nub nwc nym nyn nyo nzi osa ota oto paa pag pal pam pap pau peo
        phi phn pon pra pro raj rap rar roa rom rup sad sah sai sal sam sas sat scn sco sel sem sga sgn shn sid sio
        sit sla sma smi smj smn sms snk sog son srn srr ssa suk sus sux syc syr tai tem ter tet tig tiv tkl tlh tli
        tmh tog tpi tsi tum tup tut tvl tyv udm uga umb und vai vot wak wal war was wen xal yao yap ypk zap zbl zen
        zgh znd zun zxx zza
        """
    )
)
"""Codes of ISO 639-2/T that have no short one."""

_OTHERWISE: Final[dict[str, str]] = {
    pair[:-3]: pair[-3:]
    for pair in _WORD.findall(
        # withdrawn codes that are still in use; bibliographic ones; languages of a macrolanguage
        """
        iwheb inind jiyid moron shsrp
        tibbod czeces welcym gerdeu greell baqeus perfas frefra armhye iceisl geokat macmkd maomri maymsa burmya
        dutnld rumron sloslk albsqi chizho
        cmnzho yuezho wuuzho nanzho hakzho arbara arzara apcara aryara pesfas prsfas ekkest lvslav uznuzb zsmmsa
        swhswa azjaze npinep oryori alssqi khkmon pltmlg pbtpus yddyid ckbkur kmrkur guggrn
        """
    )
}
"""Languages that ISO 639-2 has by another code, or only the macrolanguage of."""


def iso_639_2(tag: str) -> str:
    """The code of a tag's language, three letters of the terminological set; "und" where ISO 639-2 has none."""
    primary = tag.replace("_", "-").split("-")[0].lower()
    if primary in _LONG or primary in _SHORT.values():
        return primary
    return _SHORT.get(primary) or _OTHERWISE.get(primary, UNKNOWN)


def checked_tag(tag: str) -> str:
    """The tag where it has the form of one, so that nothing else gets into a file's header; else "und"."""
    tag = tag.replace("_", "-")
    return tag if _TAG.fullmatch(tag) else UNKNOWN
